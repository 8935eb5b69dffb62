//! Rollouts of a method on the wire, both ways.

use tidegate_core::{Method, MethodEnd, MethodMove, Span};
use tidegate_proto as proto;
use tidegate_service::rollouts::MAX_SNOOZE;

use crate::{
    form::Form,
    local_time::local_time,
    render::{duration, method, read_method, timestamp},
};

const MAX_SNOOZES: u32 = 20;

/// Absent: the rollout brings two-step itself.
pub(super) fn read(wire: Option<proto::MethodMove>, form: &mut Form) -> Option<Option<MethodMove>> {
    let Some(wire) = wire else { return Some(None) };
    form.within("method", |form| aim(wire, form)).map(Some)
}

fn aim(wire: proto::MethodMove, form: &mut Form) -> Option<MethodMove> {
    let to = methods("better", &wire.better, read_method, form);
    if wire.better.is_empty() {
        form.note::<()>("better", "must name at least one");
    }
    let from = methods("weaker", &wire.weaker, weaker, form);
    let (to, from) = (to?, from?);
    if from.iter().any(|one| to.contains(one)) {
        form.note::<()>("weaker", "must not name a method that is among the better ones");
    }
    let snooze = form.span("snooze", wire.snooze, (Span::ZERO, MAX_SNOOZE, "0 s to 14 days"))?;
    if wire.snoozes.is_some_and(|most| most == 0 || most > MAX_SNOOZES) {
        return form.note("snoozes", format!("must be 1 to {MAX_SNOOZES}, or be left out"));
    }
    let (at, planned) =
        (form.time("end_time", wire.end_time)?, form.local_time("end_local", wire.end_local)?);
    let ends = match (at, planned) {
        (Some(at), Some(planned)) if at != planned.instant => {
            return form
                .note("end_time", "must be the instant of end_local, or one of the two must be left out");
        }
        (_, Some(planned)) => Some(MethodEnd { at: planned.instant, planned: Some(planned) }),
        (Some(at), None) => Some(MethodEnd { at, planned: None }),
        (None, None) => None,
    };
    if ends.is_some() && from.is_empty() {
        return form.note("end_time", "must not be given without weaker methods");
    }
    Some(MethodMove { to, from, snooze: snooze.unwrap_or(MAX_SNOOZE), snoozes: wire.snoozes, ends })
}

/// The mailbox is not enrolled, but may be what accounts move away from.
fn weaker(wire: proto::Method) -> Option<Method> {
    match wire {
        proto::Method::EmailCode => Some(Method::EmailCode),
        other => read_method(other),
    }
}

/// Drops duplicates, and keeps the order.
fn methods(
    field: &str,
    numbers: &[i32],
    known: fn(proto::Method) -> Option<Method>,
    form: &mut Form,
) -> Option<Vec<Method>> {
    let mut read: Vec<Method> = Vec::new();
    for (place, number) in numbers.iter().enumerate() {
        let field = format!("{field}[{place}]");
        let method = form.word(&field, *number, known)?;
        if !method.is_second_step() {
            return form.note(&field, "must be a second step");
        }
        if !read.contains(&method) {
            read.push(method);
        }
    }
    Some(read)
}

pub(super) fn rendered(aim: MethodMove) -> proto::MethodMove {
    let numbers = |methods: Vec<Method>| methods.into_iter().map(|one| method(one).into()).collect();
    proto::MethodMove {
        better: numbers(aim.to),
        weaker: numbers(aim.from),
        snooze: Some(duration(aim.snooze)),
        snoozes: aim.snoozes,
        end_time: aim.ends.as_ref().map(|end| timestamp(end.at)),
        end_local: aim.ends.and_then(|end| end.planned).map(local_time),
    }
}
