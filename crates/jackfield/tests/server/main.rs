//! How the server behaves beside the rows of docs/features.md: life cycle, histories, deadlines, and bugs that were found.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tls.rs"]
mod tls;

mod backlog;
mod changes;
mod closing;
mod cluster;
mod cluster_begin;
mod defence;
mod delivered;
mod finished;
mod fragments;
mod gaps;
mod goodbyes;
mod handle;
mod history;
mod idle;
mod late;
mod leaving;
mod limits;
mod misdirected;
mod mistakes;
mod paused;
mod proxies;
mod publication;
mod refused;
mod regressions;
mod regressions2;
mod regressions3;
mod regressions4;
mod regressions5;
mod regressions_http;
mod regressions_of_others;
mod relay;
mod secured;
mod setup;
mod sim_regressions;
mod smoke;
mod starttls;
