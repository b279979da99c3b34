//! Tests in a separate file, because `tests/loom.rs` compiles the tested files too.

use crate::budget::account::{Account, GRAIN_BYTES, POOLED_BYTES_MAX};
use crate::budget::{Budget, Pressure};
use std::sync::Arc;

fn account(budget: &Arc<Budget>) -> Account {
    Account::new(budget.clone())
}

#[test]
fn reactors_know_of_each_other_but_for_a_grain() {
    let budget = Arc::new(Budget::new(1 << 20));
    let (mut one, mut other) = (account(&budget), account(&budget));
    let (mut place, mut small) = (0, 0);
    assert!(one.set_charge(&mut place, 500_000) && other.set_charge(&mut small, GRAIN_BYTES - 1));
    assert_eq!(
        (one.bytes_of_all_reactors(), other.bytes_of_all_reactors()),
        (500_000, 500_000 + GRAIN_BYTES - 1)
    );
    assert!(!one.set_charge(&mut place, 0) && !other.set_charge(&mut small, 0));
    assert_eq!((one.bytes_of_all_reactors(), other.bytes_of_all_reactors()), (0, 0));
    drop((one, other));
    assert_eq!(account(&budget).bytes_of_all_reactors(), 0);
}

#[test]
fn a_dropped_account_frees_what_it_held() {
    let budget = Arc::new(Budget::new(1 << 20));
    let (mut one, other) = (account(&budget), account(&budget));
    one.set_charge(&mut 0, 500_000);
    drop(one);
    assert_eq!(other.bytes_of_all_reactors(), 0);
}

#[test]
fn each_change_is_reported_once() {
    let budget = Arc::new(Budget::new(1_000_000));
    let (mut one, mut other, mut place) = (account(&budget), account(&budget), 0);
    let rows = [
        (800_000, None),
        (800_001, Some(Pressure::High)),
        (900_000, None),
        (700_001, None),
        (900_000, None),
        (700_000, Some(Pressure::Relieved)),
        (0, None),
    ];
    for (bytes, expected) in rows {
        one.set_charge(&mut place, bytes);
        one.publish();
        assert_eq!(
            (one.take_pressure_change(), other.take_pressure_change()),
            (expected, None),
            "at {bytes} bytes"
        );
    }
}

#[test]
fn half_the_average_memory_is_large() {
    let mut account = account(&Arc::default());
    let mut places = [0; 4];
    for (place, bytes) in places.iter_mut().zip([100, 300, 0, 200]) {
        account.set_charge(place, bytes);
    }
    assert_eq!([0, 99, 100, 200].map(|bytes| account.is_large(bytes)), [false, false, true, true]);
}

#[test]
fn the_pools_have_a_bound_and_none_of_them_is_kept_under_pressure() {
    let mut account = account(&Arc::new(Budget::new(64 << 20)));
    assert!(account.pool(POOLED_BYTES_MAX) && !account.pool(1));
    account.unpool(POOLED_BYTES_MAX);
    account.set_charge(&mut 0, 60 << 20);
    assert!(account.is_high() && !account.pool(1));
}
