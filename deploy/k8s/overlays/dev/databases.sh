#!/bin/sh
# Runs once, on an empty data folder: a role and a database of its own for each service, and for its keys.
set -eu
for service in profile profile_keys segment strategy strategy_keys evaluation; do
    psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 \
        --set service="$service" --set password="$POSTGRES_PASSWORD" <<'SQL'
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"service";
REVOKE CONNECT ON DATABASE :"service" FROM PUBLIC;
SQL
done
