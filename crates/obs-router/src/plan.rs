//! Which routes a call may still try.
use obs_core::ErrorKind;

use crate::setup::Table;

/// The route that a call is on, and those that it has left.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    at: usize,
    /// The caller named this route: it falls over along this route's own list alone, and nobody judges its answer.
    named: Option<usize>,
    /// The routes that may be tried, that of now included, as bits.
    left: u64,
}

impl Plan {
    /// A policy chose the route.
    pub(crate) fn chosen(table: &Table, at: usize) -> Self {
        Self {
            at,
            named: None,
            left: u64::MAX >> (u64::BITS as usize - table.len()),
        }
    }

    /// The caller named the route. `moves`: to another model, too, if this one fails.
    pub(crate) fn named(table: &Table, at: usize, moves: bool) -> Self {
        let mut plan = Self {
            at,
            named: Some(at),
            left: 1 << at,
        };
        for &to in table.fallback(at) {
            if moves || table.same_model(at, to) {
                plan.left |= 1 << to;
            }
        }
        plan
    }

    /// No route: the call passes through as it is.
    pub(crate) fn through(table: &Table) -> Self {
        Self {
            at: table.len(),
            named: None,
            left: 0,
        }
    }

    /// The route of now; one more than there are, where the call passes through.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The route that the caller named.
    pub(crate) fn asked(&self) -> Option<usize> {
        self.named
    }

    /// The routes that may be tried after that of now, in their order.
    pub(crate) fn others<'a>(&self, table: &'a Table) -> impl Iterator<Item = usize> + use<'a> {
        let at = self.at;
        self.candidates(table).filter(move |to| *to != at)
    }

    /// How many routes may be tried, that of now included.
    pub(crate) fn left(&self) -> u32 {
        self.left.count_ones()
    }

    /// To another route, if the first one does not admit the call and another one does. `true`: it moved.
    pub(crate) fn avoid(&mut self, table: &Table, admits: impl Fn(usize) -> bool) -> bool {
        let first = self.at;
        if first == table.len() || admits(first) {
            return false;
        }
        match self.others(table).find(|to| admits(*to)) {
            Some(to) => {
                self.leave();
                self.at = to;
                true
            }
            None => false,
        }
    }

    /// The next route after a failure of this kind, if another one may do better.
    pub(crate) fn after_failure(
        &mut self,
        table: &Table,
        kind: ErrorKind,
        admits: impl Fn(usize) -> bool,
    ) -> bool {
        if !kind.may_fail_over() {
            return false;
        }
        self.leave();
        if self.left == 0 {
            return false;
        }
        if kind == ErrorKind::ContextTooLong {
            for to in 0..table.len() {
                if !table.has_more_room(self.at, to) {
                    self.left &= !(1 << to);
                }
            }
        }
        let next = self.candidates(table).find(|to| admits(*to));
        self.go(next)
    }

    /// The routes that may be tried, in their order.
    fn candidates<'a>(&self, table: &'a Table) -> impl Iterator<Item = usize> + use<'a> {
        let (left, named) = (self.left, self.named);
        let list = named.map(|named| table.fallback(named).iter().copied());
        let all = named.is_none().then_some(0..table.len());
        let order = list.into_iter().flatten().chain(all.into_iter().flatten());
        order.filter(move |to| left & (1 << to) != 0)
    }

    /// Whether there is a better route that an unfit answer leads to.
    pub(crate) fn can_escalate(&self) -> bool {
        self.named.is_none() && self.better() != 0
    }

    /// To the next better route.
    pub(crate) fn escalate(&mut self) -> bool {
        let better = self.better();
        self.leave();
        let next = (better != 0).then(|| better.trailing_zeros() as usize);
        self.go(next)
    }

    /// The routes after this one.
    fn better(&self) -> u64 {
        self.left & u64::MAX.checked_shl(self.at as u32 + 1).unwrap_or(0)
    }

    fn leave(&mut self) {
        self.left &= !1_u64.checked_shl(self.at as u32).unwrap_or(0);
    }

    fn go(&mut self, to: Option<usize>) -> bool {
        self.at = to.unwrap_or(self.at);
        to.is_some()
    }
}
