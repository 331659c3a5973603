//! Every RPC of the profile service through a real client: success once, each documented error once.

mod bank;
mod consent;
mod customer;
mod event;
mod holding;
mod identity;
mod profile;
mod tag;
mod tenant;
mod window;
