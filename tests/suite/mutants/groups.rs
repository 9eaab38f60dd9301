//! Mutants that share an audit.

use super::mutant::Mutant;

/// With more mutants at once an audit and its fixes take longer, and more groups are not as expected.
const MOST: usize = 8;

/// Splits mutants into groups. No notice of a mutant can be taken for one of another of its group.
pub fn groups(mutants: Vec<Mutant>) -> Vec<Vec<Mutant>> {
    let mut groups: Vec<Vec<Mutant>> = Vec::new();
    for mutant in mutants {
        let fits = |group: &&mut Vec<Mutant>| {
            group.len() < MOST && group.iter().all(|other| can_be_told_apart(&mutant, other))
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(mutant),
            None => groups.push(vec![mutant]),
        }
    }
    groups
}

fn can_be_told_apart(one: &Mutant, other: &Mutant) -> bool {
    // What the whole report must be, and how it is repaired.
    let kind = |mutant: &Mutant| (mutant.must_fail(), mutant.is_grant(), mutant.by_hand);
    let overlap = |notice: &String, text: &String| {
        let (notice, text) = (without_end(notice), without_end(text));
        notice.starts_with(text) || text.starts_with(notice)
    };
    kind(one) == kind(other)
        && !is_alone(one)
        && !is_alone(other)
        && !one.notices.iter().any(|notice| other.notices.iter().any(|text| overlap(notice, text)))
}

fn is_alone(mutant: &Mutant) -> bool {
    // The damage of another may need what this one takes away.
    let words =
        ["drop column", "drop constraint", "drop policy", "drop trigger", "replace trigger", " rename "];
    let takes_away = words.iter().any(|words| mutant.damage.contains(words));
    // The proof is one for all tables, and its facts do not name the object that is changed.
    let says_little = |notice: &String| notice.starts_with("FAIL proof");
    takes_away || mutant.undo.is_some() || mutant.notices.is_empty() || mutant.notices.iter().any(says_little)
}

/// The start of a notice: without what is wrong with an object that is not as declared, and without words after a gap.
fn without_end(notice: &str) -> &str {
    let ends = [" .. ", " is not as declared", " is declared, but", " exists, but"];
    ends.iter().filter_map(|end| notice.split_once(end)).map(|(start, _)| start).next().unwrap_or(notice)
}

/// One mutant that is all of these.
pub fn together(group: &[Mutant]) -> Mutant {
    let damages: Vec<_> = group.iter().map(|mutant| mutant.damage.as_str()).collect();
    Mutant {
        damage: damages.join(";\n"),
        notices: group.iter().flat_map(Mutant::needed).cloned().collect(),
        undo: None,
        by_hand: group.iter().any(|mutant| mutant.by_hand),
    }
}
