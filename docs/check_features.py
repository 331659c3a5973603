#!/usr/bin/env python3
"""Checks the features of imported data sets against an independent computation over their raw files.

    python -m venv venv && venv/bin/pip install pandas zstandard
    huan up &
    huan import berka DIR/berka && huan import cdnow DIR/cdnow
    venv/bin/python docs/check_features.py berka DIR/berka --token "$(huan token --role admin --tenant berka)"
    venv/bin/python docs/check_features.py cdnow DIR/cdnow --token "$(huan token --role admin --tenant cdnow)"

berka: every feature of the tenant (the templates base and retail) of every customer is recomputed with pandas from the
tables and transactions as they came, and must be the same. cdnow: frequency, recency, age and mean repeat amount of all
2,357 customers must be those of cdnow_customers_summary_with_transactions.csv (x, t_x, T, zbar), to two decimals.

The features are asked of the gateway, one GetProfile a customer; --save keeps them as JSON, --features reads them from
there instead of asking. Ends with status 1 if anything differs. Files may be plain or .zst.
"""

import argparse
import datetime
import http.client
import json
import math
import pathlib
import sys
import urllib.parse

import pandas as pd

EPOCH = datetime.date(1970, 1, 1)


def main():
    args = arguments()
    check = {"berka": berka, "cdnow": cdnow}[args.data_set]
    customers, compare = check(pathlib.Path(args.folder))
    told = json.loads(args.features.read_text()) if args.features else ask(args, customers)
    if args.save:
        args.save.write_text(json.dumps(told))
    compared, wrong = compare(told)
    for line in wrong[:20]:
        print(line)
    print(f"{args.data_set}: {len(customers)} customers, {compared} values compared, {len(wrong)} differ")
    sys.exit(1 if wrong or not compared else 0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_set", choices=["berka", "cdnow"])
    parser.add_argument("folder", help="where the raw files are")
    parser.add_argument("--gateway", default="http://127.0.0.1:8080")
    parser.add_argument("--token", default="", help="of a user who may read profiles, by huan token")
    parser.add_argument("--features", type=pathlib.Path, help="read the features from this file")
    parser.add_argument("--save", type=pathlib.Path, help="keep the features in this file")
    return parser.parse_args()


def ask(args, customers):
    """The features of customers by name, as the gateway tells them."""
    address = urllib.parse.urlsplit(args.gateway)
    door = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    headers = {"authorization": f"Bearer {args.token}", "content-type": "application/json"}
    told = {}
    for customer in customers:
        body = json.dumps({"customerId": customer})
        door.request("POST", "/huan.profile.v1.ProfileService/GetProfile", body, headers)
        answer = door.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"{customer}: {answer.status} {text.decode(errors='replace')}")
        features = json.loads(text).get("features", [])
        told[customer] = {one["name"]: next(iter(one["value"].values())) for one in features}
    return told


def table(folder, name, **options):
    path = folder / name
    return pd.read_csv(path if path.exists() else folder / f"{name}.zst", **options)


def day(date):
    return (date - EPOCH).days


def written(number):
    return (EPOCH + datetime.timedelta(days=int(number))).isoformat()


def short_day(text):
    """A day of the twentieth century, YYMMDD."""
    text = str(text).split(" ")[0].zfill(6)
    return day(datetime.date(1900 + int(text[:2]), int(text[2:4]), int(text[4:6])))


def compare_all(told, expected):
    """Compares what was told with what is expected: a value that is missing in one must be missing in the other."""
    compared, wrong = 0, []
    for customer, row in expected.items():
        theirs = told.get(customer, {})
        for name in sorted(set(row) | set(theirs)):
            if name not in row:
                wrong.append(f"{customer}: {name} is not known here")
                continue
            compared += 1
            if not same(row[name], theirs.get(name)):
                wrong.append(f"{customer}: {name} is {theirs.get(name)}, expected {row[name]}")
    return compared, wrong


def same(expected, told):
    if expected is None or told is None:
        return expected is None and told is None
    if isinstance(expected, (str, bool)):
        return expected == told
    return not isinstance(told, (str, bool)) and math.isclose(expected, told, rel_tol=1e-12, abs_tol=1e-12)


# --- CDNOW --------------------------------------------------------------------------------------------------------


def cdnow(folder):
    summary = table(folder, "cdnow_customers_summary_with_transactions.csv")
    last = datetime.date(1997, 9, 30)

    def compare(told):
        compared, wrong = 0, []
        for row in summary.itertuples():
            theirs = told.get(f"cdnow-{row.ID}", {})
            if "first_purchase_day" not in theirs:
                wrong.append(f"cdnow-{row.ID}: has no features")
                continue
            age = last - datetime.date.fromisoformat(theirs["first_purchase_day"])
            ours = {
                "x": (theirs["purchase_frequency"], row.x),
                "t_x": (theirs["purchase_recency"] / 7, row.t_x),
                "T": (age.days / 7, row.T),
                "zbar": (theirs["purchase_repeat_mean"] / 100, row.zbar),
            }
            for name, (value, expected) in ours.items():
                compared += 1
                # The summary is rounded to two decimals; a half may have gone either way.
                if abs(value - expected) > 0.005 + 1e-9:
                    wrong.append(f"cdnow-{row.ID}: {name} is {value}, expected {expected}")
        return compared, wrong

    return [f"cdnow-{id}" for id in summary.ID], compare


# --- Berka --------------------------------------------------------------------------------------------------------

TODAY = day(datetime.date(1998, 12, 31))
PURPOSES = {
    "UROK": "interest",
    "interest credited": "interest",
    "SANKC. UROK": "fee",
    "sanction interest if negative balance": "fee",
    "SLUZBY": "fee",
    "payment for statement": "fee",
    "SIPO": "household_payment",
    "household": "household_payment",
    "DUCHOD": "pension",
    "old-age pension": "pension",
    "POJISTNE": "insurance_payment",
    "insurrance payment": "insurance_payment",
    "UVER": "loan_payment",
    "loan payment": "loan_payment",
}
OPERATIONS = {
    "VKLAD": "cash_deposit",
    "credit in cash": "cash_deposit",
    "PREVOD Z UCTU": "transfer_in",
    "collection from another bank": "transfer_in",
    "PREVOD NA UCET": "transfer_out",
    "remittance to another bank": "transfer_out",
    "VYBER": "cash_withdrawal",
    "withdrawal in cash": "cash_withdrawal",
    "VYBER KARTOU": "card_payment",
    "credit card withdrawal": "card_payment",
}
IN = ["salary", "transfer_in", "cash_deposit", "interest", "pension"]
OUT = ["transfer_out", "cash_withdrawal", "card_payment", "loan_payment", "fee", "household_payment", "insurance_payment"]


def berka(folder):
    read = lambda name: table(folder, name, sep=";", dtype=str, keep_default_na=False)
    clients = read("client.asc")
    districts = read("district.asc").set_index("A1")
    accounts = read("account.asc").set_index("account_id")
    dispositions = read("disp.asc")
    owners = dispositions[dispositions.type == "OWNER"].set_index("account_id").client_id
    entries = pd.concat([read("trans_prefix.asc"), read("trans_loan354.csv")], ignore_index=True)
    entries["day"] = entries.date.map(short_day)
    entries["minor"] = (entries.amount.astype(float) * 100).round().astype("int64")
    entries["after"] = (entries.balance.astype(float) * 100).round().astype("int64")
    purpose = entries.k_symbol.str.strip()
    entries["kind"] = purpose.map(PURPOSES).where(purpose != "", entries.operation.map(OPERATIONS))
    assert entries.kind.notna().all(), "every transaction is of a known kind"
    entries["owner"] = entries.account_id.map(owners)
    held = holdings(read, clients.client_id, accounts, dispositions, owners, entries)
    sums = aggregates(entries[entries.day <= TODAY], clients.client_id).to_dict("index")
    opened = dispositions.assign(day=dispositions.account_id.map(accounts.date.map(short_day)))
    opened = opened.groupby("client_id").day.min().to_dict()
    expected = {}
    for client in clients.itertuples():
        row = person(client, districts, opened) | held_by(held[client.client_id]) | sums[client.client_id]
        follow(row)
        expected[f"berka-{client.client_id}"] = {name: plain(value) for name, value in row.items()}
    return list(expected), lambda told: compare_all(told, expected)


def plain(value):
    if value is None or isinstance(value, (str, bool)):
        return value
    return None if math.isnan(value) else float(value)


def person(client, districts, opened):
    number = client.birth_number
    woman = int(number[2:4]) > 50
    birth = f"{number[:2]}{int(number[2:4]) - 50:02}{number[4:]}" if woman else number
    district = districts.loc[client.district_id]
    first = opened.get(client.client_id)
    return {
        "customer_type": "retail",
        "gender": "female" if woman else "male",
        "region": district.A3,
        "district": district.A2,
        "birth_day": written(short_day(birth)),
        "open_day": None if first is None else written(first),
        "average_salary": float(district.A11),
        # What this bank does not know of anybody.
        **dict.fromkeys(["income_level", "industry_code", "risk_level", "declared_income", "declared_assets"]),
    }


def holdings(read, clients, accounts, dispositions, owners, entries):
    """What is open on the last day: kind and balance, by owner."""
    last = entries.sort_values("day", kind="stable").groupby("account_id").after.last()
    rows = [(owners[id], "account", int(last.get(id, 0))) for id in accounts.index]
    account_of = dispositions.set_index("disp_id").account_id
    cards = read("card.asc")
    cards = cards[cards.issued.map(short_day) <= TODAY]
    rows += [(owners[account_of[card.disp_id]], "card", 0) for card in cards.itertuples()]
    for loan in read("loan.asc").itertuples():
        start = pd.Timestamp(EPOCH) + pd.Timedelta(days=short_day(loan.date))
        ends = day((start + pd.DateOffset(months=int(loan.duration))).date())
        if loan.status in "CD" or ends > TODAY:
            rows.append((owners[loan.account_id], "loan", round(float(loan.amount) * 100)))
    for order in read("order.asc").itertuples():
        rows.append((owners[order.account_id], "standing_order", round(float(order.amount) * 100)))
    held = {client: [] for client in clients}
    for client, kind, minor in rows:
        held[client].append((kind, minor))
    return held


def held_by(mine):
    """What follows from the kinds and balances of a client's open holdings."""
    kinds = ["account", "card", "loan", "fund", "standing_order", "deposit", "insurance"]
    balance = lambda wanted: sum(minor for kind, minor in mine if kind == wanted)
    return {f"has_{kind}": any(kind == one for one, _ in mine) for kind in kinds} | {
        "holding_count": len(mine),
        "holding_kinds": len({kind for kind, _ in mine}),
        "deposit_balance": balance("account"),
        "loan_balance": balance("loan"),
        "balance_total": sum(minor for _, minor in mine),
    }


def aggregates(entries, clients):
    """All sums over transactions: a row a client. Counts and sums are 0 where there are none, the others missing."""
    columns = {}
    large = entries.minor >= 5_000_000

    def over(kinds=None, days=0, only=None):
        chosen = entries if kinds is None else entries[entries.kind.isin(kinds)]
        if days:
            chosen = chosen[chosen.day > TODAY - days]
        if only is not None:
            chosen = chosen[only.loc[chosen.index]]
        return chosen.groupby("owner")

    def add(name, series, none=None):
        series = series.reindex(clients)
        columns[name] = series if none is None else series.fillna(none)

    day_text = lambda series: series.map(written)
    move = IN + OUT
    for days, word in [(7, "7d"), (30, "30d"), (90, "90d"), (365, "365d"), (0, "ever")]:
        add(f"txn_count_{word}", over(move, days).size(), 0)
        add(f"outflow_sum_{word}", over(OUT, days).minor.sum(), 0)
        if days != 7:
            add(f"inflow_sum_{word}", over(IN, days).minor.sum(), 0)
    add("outflow_max_30d", over(OUT, 30).minor.max())
    add("outflow_count_90d", over(OUT, 90).size(), 0)
    add("outflow_mean_90d", over(OUT, 90).minor.mean())
    for kind, word, measures in [
        ("salary", "salary", ["count_90d", "sum_90d", "mean_365d", "days_365d"]),
        ("cash_withdrawal", "cash_withdrawal", ["count_90d"]),
        ("cash_withdrawal", "cash", ["sum_90d"]),
        ("card_payment", "card", ["count_30d", "sum_30d", "sum_90d", "sum_365d"]),
        ("app_login", "login", ["count_30d"]),
        ("visit", "visit", ["count_30d"]),
        ("purchase", "purchase", ["sum_365d"]),
    ]:
        for measure in measures:
            what, days = measure.split("_")
            chosen = over([kind], int(days[:-1]))
            value = {
                "count": chosen.size,
                "sum": chosen.minor.sum,
                "mean": chosen.minor.mean,
                "days": chosen.day.nunique,
            }[what]()
            add(f"{word}_{measure}", value, None if what == "mean" else 0)
    add("last_salary_day", day_text(over(["salary"]).day.max()))
    add("first_salary_day", day_text(over(["salary"]).day.min()))
    add("last_login_day", day_text(over(["app_login"]).day.max()))
    add("active_days_90d", over(None, 90).day.nunique(), 0)
    add("last_event_day", day_text(over().day.max()))
    add("large_in_count_90d", over(IN, 90, large).size(), 0)
    add("large_out_sum_90d", over(OUT, 90, large).minor.sum(), 0)
    add("large_out_max_365d", over(OUT, 365, large).minor.max())
    # These transactions carry no counterparty and no channel.
    none = pd.Series(0, index=clients)
    add("counterparties_90d", none)
    add("channels_90d", none)
    add("first_txn_day", day_text(over(move).day.min()))
    add("last_txn_day", day_text(over(move).day.max()))
    add("txn_span_days", over(move).day.max() - over(move).day.min())
    add("txn_repeat_days", over(move).day.nunique() - 1, 0)
    add("txn_days_365d", over(move, 365).day.nunique(), 0)
    add("txn_min_365d", over(move, 365).minor.min())
    since = TODAY - over(move).day.max()
    add("rfm_r", since.map(lambda days: 5 - sum(days >= bound for bound in (7, 30, 90, 365))))
    return pd.DataFrame(columns)


def follow(row):
    """Adds what follows from other features of the customer."""

    def ratio(one, other):
        if one is None or other is None or other == 0:
            return None
        return one / other

    def trend(name, short, long):
        one, other = row[f"{name}_{short}d"], row[f"{name}_{long}d"]
        return None if other == 0 else (one / short) / (other / long) - 1

    def score(value, bounds):
        return 1 + sum(bound <= value for bound in bounds)

    row["breadth_score"] = score(row["holding_kinds"], (1, 2, 3, 4))
    row["income_share"] = ratio(row["inflow_sum_365d"], row["declared_income"])
    row["asset_share"] = ratio(row["deposit_balance"], row["declared_assets"])
    row["salary_share_90d"] = ratio(row["salary_sum_90d"], row["inflow_sum_90d"])
    row["card_share_90d"] = ratio(row["card_sum_90d"], row["outflow_sum_90d"])
    row["cash_share_90d"] = ratio(row["cash_sum_90d"], row["outflow_sum_90d"])
    row["outflow_ratio_90d"] = ratio(row["outflow_sum_90d"], row["inflow_sum_90d"])
    row["txn_trend"] = trend("txn_count", 30, 365)
    row["inflow_trend"] = trend("inflow_sum", 30, 365)
    row["outflow_trend"] = trend("outflow_sum", 30, 365)
    row["outflow_trend_90d"] = trend("outflow_sum", 30, 90)
    # The data set names nobody who brought another.
    row["referred_count"] = 0
    row["rfm_f"] = score(row["txn_count_365d"], (6, 24, 60, 120))
    row["rfm_m"] = score(row["outflow_sum_365d"], (1_000_000, 5_000_000, 10_000_000, 30_000_000))


if __name__ == "__main__":
    main()
