//! The table in the README.
use std::fmt::Write;

use fault_server::FAMILIES;

#[test]
fn the_readme_has_each_fault_as_the_code_has_it() {
    let mut table = String::from("| | fault | what happens |\n|---|---|---|\n");
    for family in FAMILIES {
        for (number, fault) in family.faults().iter().enumerate() {
            // The family is told once.
            let family = if number == 0 { family.name() } else { "" };
            writeln!(
                table,
                "| {family} | `{}` | {} |",
                fault.name(),
                fault.about()
            )
            .expect("a string takes it");
        }
    }
    let readme = include_str!("../../README.md");
    assert!(
        readme.contains(&table),
        "the table in README.md should be:\n{table}"
    );
}

#[test]
fn names_are_short_and_distinct() {
    let all: Vec<_> = FAMILIES
        .iter()
        .flat_map(|family| family.faults())
        .map(|fault| fault.name())
        .collect();
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert!(all.iter().all(|name| name.len() < 22));
}
