//! The engine against the reference model: golden cases for each rule of the pages, then random playbooks and streams.

mod model;
