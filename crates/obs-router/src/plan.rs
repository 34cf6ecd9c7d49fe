//! Which routes a call may still try.
use obs_core::ErrorKind;

use crate::{chance::Chance, setup::Table};

/// The route that a call is on, and those that it has left.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    at: usize,
    /// The caller named this route: it falls over along this route's own list alone, and nobody judges its answer.
    named: Option<usize>,
    /// The routes that may be tried, that of now included, as bits.
    left: u64,
    /// The rest of an answer is asked for: nobody judges it, and what one route refuses the next one may take.
    goes_on: bool,
    /// The policy has nothing against a verdict on the answer.
    judged: bool,
}

impl Plan {
    /// A policy chose the route.
    pub(crate) fn chosen(table: &Table, at: usize) -> Self {
        Self {
            at,
            named: None,
            left: u64::MAX >> (u64::BITS as usize - table.len()),
            goes_on: false,
            judged: true,
        }
    }

    /// No other routes than these.
    pub(crate) fn only(self, allowed: u64) -> Self {
        Self {
            left: self.left & allowed,
            ..self
        }
    }

    /// Whether a judge may look at the answer.
    pub(crate) fn judged(self, judged: bool) -> Self {
        Self { judged, ..self }
    }

    /// The caller named the route. `moves`: to another model, too, if this one fails.
    pub(crate) fn named(table: &Table, at: usize, moves: bool) -> Self {
        let mut plan = Self {
            at,
            named: Some(at),
            left: 1 << at,
            goes_on: false,
            judged: true,
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
            goes_on: false,
            judged: true,
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
    pub(crate) fn avoid(
        &mut self,
        table: &Table,
        chance: &Chance,
        admits: impl Fn(usize) -> bool,
    ) -> bool {
        let first = self.at;
        if first == table.len() || admits(first) {
            return false;
        }
        match self.next(table, chance, admits) {
            Some(to) => {
                self.leave();
                self.at = to;
                true
            }
            None => false,
        }
    }

    /// Only to routes that go on with the beginning of an answer: first to that which it was on, unless it fell silent (`true`).
    /// `false`: there is none.
    pub(crate) fn go_on(
        &mut self,
        table: &Table,
        chance: &Chance,
        last: Option<(usize, bool)>,
    ) -> bool {
        self.goes_on = true;
        let known = (0..table.len()).filter(|to| table.prefills(*to));
        self.left &= known.fold(0, |bits, to| bits | 1 << to);
        self.at = table.len();
        if let Some((at, was_silent)) = last {
            self.at = at;
            if !was_silent && self.left & (1 << at) != 0 {
                return true;
            }
            self.leave();
        }
        let next = self.next(table, chance, |_| true);
        self.go(next)
    }

    /// Whether the rest of an answer is asked for.
    pub(crate) fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Leaves out routes with a window that does not fit, unless it is that of now and no other one is known to fit. `true`: it
    /// moved.
    pub(crate) fn fit(
        &mut self,
        table: &Table,
        chance: &Chance,
        fits: impl Fn(u64) -> bool,
    ) -> bool {
        // It is a large prompt that is counted, so it is not counted more often than needed.
        let (mut too_small, mut enough) = (0, u64::MAX);
        let mut known = |window: u64| {
            if window > too_small && window < enough {
                match fits(window) {
                    true => enough = window,
                    false => too_small = window,
                }
            }
            window >= enough
        };
        let (mut holding, mut unfit) = (0, 0);
        for to in (0..table.len()).filter(|to| self.left & (1 << to) != 0) {
            match table.window(to).map(&mut known) {
                Some(true) => holding |= 1 << to,
                Some(false) => unfit |= 1 << to,
                None => {}
            }
        }
        let here = 1_u64.checked_shl(self.at as u32).unwrap_or(0);
        self.left &= !unfit | here;
        if unfit & here == 0 {
            return false;
        }
        match self.next(table, chance, |to| holding & (1 << to) != 0) {
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
        chance: &Chance,
        admits: impl Fn(usize) -> bool,
    ) -> bool {
        let refused = self.goes_on && kind == ErrorKind::Caller;
        if !kind.may_fail_over() && !refused {
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
        let next = self.next(table, chance, admits);
        self.go(next)
    }

    /// The first other one that will do: of those with a weight, drawn by it, then of the rest, in their order.
    fn next(
        &self,
        table: &Table,
        chance: &Chance,
        will_do: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let weighted = |to| Some((to, u64::from(table.weight(to)?)));
        let mut drawn: Vec<_> = self.others(table).filter_map(weighted).collect();
        while !drawn.is_empty() {
            let sum: u64 = drawn.iter().map(|(_, weight)| weight).sum();
            let mut point = (chance.draw() * sum as f64) as u64;
            let hit = drawn.iter().position(|(_, weight)| {
                let hit = point < *weight;
                point = point.saturating_sub(*weight);
                hit
            });
            let (to, _) = drawn.remove(hit.unwrap_or(0));
            if will_do(to) {
                return Some(to);
            }
        }
        let mut rest = self.others(table).filter(|to| table.weight(*to).is_none());
        rest.find(|to| will_do(*to))
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
        self.judged && self.named.is_none() && !self.goes_on && self.better() != 0
    }

    /// To the next better route that admits the call.
    pub(crate) fn escalate(&mut self, admits: impl Fn(usize) -> bool) -> bool {
        let better = self.better();
        let mut places = (0..u64::BITS as usize).filter(|to| better & (1 << to) != 0);
        let next = places.find(|to| admits(*to));
        self.leave();
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
