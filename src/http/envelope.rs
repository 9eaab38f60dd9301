//! JSON objects around lists, for front ends that do not read a bare array (`LIST_ENVELOPE`).

use std::fmt::Display;

use crate::tasks::Window;

/// The longest name of a member, in characters.
const MAX_NAME: usize = 64;

/// The contracts whose lists are objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelopes {
    pub user_tasks: Option<Envelope>,
    pub tasks: Option<Envelope>,
    pub v1_tasks: Option<Envelope>,
}

/// The names of the members of a list's object, in their order. No character of a name is special in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub list: String,
    /// How many tasks the list has.
    pub count: String,
    /// Only in `v1_tasks`: the parameters of the page. Both are null in a page that a cursor began.
    pub limit_and_offset: Option<[String; 2]>,
}

impl Envelopes {
    /// Reads entries such as `user_tasks=tasks,count; v1_tasks=items,total,limit,offset`.
    ///
    /// # Errors
    /// Names every entry that is wrong, and says why.
    pub fn parse(entries: &str) -> Result<Self, String> {
        let (mut envelopes, mut problems) = (Self::default(), Vec::new());
        for entry in entries.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
            if let Err(problem) = envelopes.add(entry) {
                problems.push(problem);
            }
        }

        if problems.is_empty() { Ok(envelopes) } else { Err(problems.join("; ")) }
    }

    fn add(&mut self, entry: &str) -> Result<(), String> {
        let Some((contract, names)) = entry.split_once('=') else {
            return Err(format!("{entry:?} has no names of members: write user_tasks=tasks,count"));
        };
        let contract = contract.trim();
        let (place, may_have_window) = match contract {
            "user_tasks" => (&mut self.user_tasks, false),
            "tasks" => (&mut self.tasks, false),
            "v1_tasks" => (&mut self.v1_tasks, true),
            _ => return Err(format!("{contract:?} is no contract: write user_tasks, tasks or v1_tasks")),
        };
        if place.is_some() {
            return Err(format!("{contract} is there twice"));
        }
        let envelope = Envelope::parse(names, may_have_window);
        *place = Some(envelope.map_err(|problem| format!("{contract}: {problem}"))?);
        Ok(())
    }
}

impl Envelope {
    fn parse(names: &str, may_have_window: bool) -> Result<Self, String> {
        let names: Vec<_> = names.split(',').map(str::trim).collect();
        if let Some(wrong) = names.iter().find(|name| !is_name(name)) {
            return Err(format!(
                "{wrong:?} is no name of a member: write 1 to {MAX_NAME} letters, digits, _ and -, with a letter or _ first"
            ));
        }
        let mut others = names.iter();
        while let Some(name) = others.next() {
            if others.as_slice().contains(name) {
                return Err(format!("two members have the name {name:?}: their names must differ"));
            }
        }

        let text = |name: &str| name.to_owned();
        match names[..] {
            [list, count] => Ok(Self { list: text(list), count: text(count), limit_and_offset: None }),
            [list, count, limit, offset] if may_have_window => Ok(Self {
                list: text(list),
                count: text(count),
                limit_and_offset: Some([text(limit), text(offset)]),
            }),
            _ if may_have_window => {
                Err("write two names, of the list and the number, or four, with limit and offset".into())
            }
            _ => Err("write two names: of the list and the number".into()),
        }
    }

    /// What the JSON text of the list begins with, before its array.
    pub(super) fn beginning(&self) -> String {
        format!("{{\"{}\":", self.list)
    }

    /// What the JSON text ends with, after the array of a list of `count` tasks. A page has a window.
    pub(super) fn end(&self, count: impl Display, page: Option<&Window>) -> String {
        let mut end = format!(",\"{}\":{count}", self.count);
        if let (Some([limit, offset]), Some(page)) = (&self.limit_and_offset, page) {
            let value = |number: i64| if page.after.is_none() { number.to_string() } else { "null".into() };
            end += &format!(",\"{limit}\":{},\"{offset}\":{}", value(page.limit), value(page.offset));
        }
        end + "}"
    }
}

/// Whether every front end can read a member of this name.
fn is_name(name: &str) -> bool {
    let is_letter = |character: char| character.is_ascii_alphabetic() || character == '_';
    let is_allowed = |character: char| is_letter(character) || character.is_ascii_digit() || character == '-';
    name.starts_with(is_letter) && name.chars().all(is_allowed) && name.len() <= MAX_NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_the_members_of_each_contract() {
        let parsed =
            Envelopes::parse(" user_tasks = tasks , count;tasks=_items,total-2;; v1_tasks=a,b,c,d ; ");

        let envelope = |list: &str, count: &str, limit_and_offset| {
            Some(Envelope { list: list.into(), count: count.into(), limit_and_offset })
        };
        let wanted = Envelopes {
            user_tasks: envelope("tasks", "count", None),
            tasks: envelope("_items", "total-2", None),
            v1_tasks: envelope("a", "b", Some(["c".into(), "d".into()])),
        };
        assert_eq!(parsed, Ok(wanted));
        for nothing in ["", " ", ";", " ; ; "] {
            assert_eq!(Envelopes::parse(nothing), Ok(Envelopes::default()), "{nothing:?}");
        }
        let short = Envelopes::parse("v1_tasks=items,total").expect("two names");
        assert_eq!(short.v1_tasks, envelope("items", "total", None));
    }

    #[test]
    fn every_wrong_entry_is_named() {
        let long = format!("tasks={},count", "x".repeat(65));
        for (entry, problem) in [
            ("task=tasks,count", "\"task\" is no contract"),
            ("Tasks=tasks,count", "\"Tasks\" is no contract"),
            ("=tasks,count", "\"\" is no contract"),
            ("tasks", "\"tasks\" has no names"),
            ("tasks,count", "\"tasks,count\" has no names"),
            ("tasks=a,b; tasks=a,b", "tasks is there twice"),
            ("v1_tasks=a,b; v1_tasks=c,d", "v1_tasks is there twice"),
            ("tasks=list,list", "two members have the name \"list\""),
            ("v1_tasks=a,b,c,a", "two members have the name \"a\""),
            ("tasks=list", "write two names"),
            ("user_tasks=a,b,c", "write two names"),
            ("tasks=a,b,c,d", "write two names"),
            ("v1_tasks=a,b,c", "or four"),
            ("v1_tasks=a,b,c,d,e", "or four"),
            ("tasks=", "\"\" is no name"),
            ("tasks=,count", "\"\" is no name"),
            ("tasks=tasks,", "\"\" is no name"),
            ("tasks=a b,count", "\"a b\" is no name"),
            ("tasks=1,count", "\"1\" is no name"),
            ("tasks=-a,count", "\"-a\" is no name"),
            ("tasks=a\"b,count", "is no name"),
            ("tasks=a\\,count", "is no name"),
            ("tasks=größe,count", "\"größe\" is no name"),
            ("tasks=a=b,count", "\"a=b\" is no name"),
            (&long, "is no name"),
        ] {
            let error = Envelopes::parse(entry).expect_err(entry);
            assert!(error.contains(problem), "{entry}: {error}");
        }
        let all = Envelopes::parse("one=a,b; tasks=a; v1_tasks=b,b").expect_err("three wrong entries");
        assert_eq!(all.split("; ").count(), 3, "{all}");
    }
}
