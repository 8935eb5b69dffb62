//! Who may call what: every role against every method, and callers without a right to any.

use std::fmt::Write as _;

use http::uri::PathAndQuery;
use tidegate_client::Refused;
use tidegate_core::{Clock as _, Role, Span, Word as _};
use tidegate_proto as proto;
use tonic::Code;
use tonic_prost::ProstCodec;

use crate::{
    actor::Actor,
    on_both,
    rpc::method_of,
    stage::{Casting, REALM, Stage},
    story::compare,
};

/// Calls a method with an empty message; a stream gets it as its only one.
async fn knock(actor: &Actor, path: &'static str) -> Code {
    let mut grpc = actor.grpc();
    grpc.ready().await.unwrap();
    let codec: ProstCodec<(), ()> = ProstCodec::default();
    let answer = grpc.unary(actor.signed(()), PathAndQuery::from_static(path), codec).await;
    answer.map_or_else(|status| Refused::of(&status).code, |_| Code::Ok)
}

/// A role that may call gets past the door, where an empty message is refused or answered.
#[tokio::test]
async fn every_role_against_every_method() {
    let stage = Stage::sqlite().await;
    let mut table = String::new();
    for role in Role::ALL {
        let actor = stage.actor("any", *role).await;
        for (row, (path, rule)) in proto::RULES.iter().enumerate() {
            let open = match knock(&actor, path).await {
                Code::PermissionDenied => "-",
                Code::Ok | Code::InvalidArgument => role.as_str(),
                code => panic!("{role:?} at {path}: {code:?}"),
            };
            if row == 0 {
                table.push('\n');
            }
            let permission = rule.permission().as_str_name().trim_start_matches("PERMISSION_").to_owned();
            writeln!(table, "{path} {permission} {open}").unwrap();
        }
    }
    compare("matrix", &turned(&table));
}

/// One line a method, one column a role.
fn turned(table: &str) -> String {
    let roles: Vec<Vec<&str>> = table.trim().split("\n\n").map(|block| block.lines().collect()).collect();
    let mut told = String::new();
    for (row, first) in roles[0].iter().enumerate() {
        let head: Vec<&str> = first.split(' ').collect();
        let service = head[0].trim_start_matches("/tidegate.v1.").replace("Service/", " ");
        write!(told, "{service:<40} {:<20}", head[1]).unwrap();
        for (role, block) in Role::ALL.iter().zip(&roles) {
            let open = block[row].rsplit(' ').next().unwrap();
            write!(told, " {open:<width$}", width = role.as_str().len()).unwrap();
        }
        told = told.trim_end().to_owned() + "\n";
    }
    told
}
