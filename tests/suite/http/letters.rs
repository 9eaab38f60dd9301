//! `q` finds the same tasks whatever the language of the database is.

use rowkeep::schema;
use serde_json::json;

use super::links::list;
use crate::world::{Database, Person, World};

/// Databases of several languages and libraries.
async fn worlds() -> Vec<(&'static str, World)> {
    let mut worlds = vec![("C.UTF-8", World::new().await)];
    for locale in [
        "locale_provider icu icu_locale 'tr'",
        "locale_provider icu icu_locale 'en-US'",
        "locale_provider libc lc_collate 'C' lc_ctype 'C'",
    ] {
        let database = Database::with_locale(locale).await;
        schema::migrate(&database.address("postgres"), false).await.expect("a migrated database");
        worlds.push((locale, World::on(database, &[]).await));
    }
    worlds
}

/// Whether a search finds the task, in the list and in its count.
async fn finds(person: &Person, q: &str) -> bool {
    let answer = person.get(&list(&[("q", q), ("count", "true")])).await;
    assert_eq!(answer.status(), 200, "{q}: {answer:?}");
    assert_eq!(answer.header("x-total-count"), answer.ids().len().to_string(), "{q}");
    !answer.ids().is_empty()
}

/// Texts, and searches that find them or do not.
const CASES: &[(&str, &[&str], &[&str])] = &[
    ("Δρόμος", &["ΔΡΌΜΟΣ", "δρόμος", "δρόμοσ", "ΔΡΌΜΟΣ", "ρόμο"], &["ΔΡΟΜΟΣ", "δρομος"]),
    ("ΟΔΟΣΑ", &["ΟΔΟΣ", "οδος", "οδοσ", "οδοσα"], &["οδοα"]),
    // Neither composed nor decomposed, as some keyboards write Vietnamese; and accents in another order than the usual one.
    ("Ti\u{ea}\u{301}ng", &["ti\u{ea}\u{301}ng", "TI\u{ca}\u{301}NG"], &["tieng"]),
    ("q\u{307}\u{323}", &["Q\u{307}\u{323}"], &["q\u{323}x"]),
    ("TITLE", &["title", "Title", "itl"], &["tıtlé"]),
    ("title", &["TITLE", "TITLE", "ITL"], &["TİTLE"]),
    // i and I are one letter with two cases, as in all languages but the Turkic ones. İ is another letter.
    ("İstanbul", &["İSTANBUL", "İstanbul", "STANBUL"], &["istanbul", "ISTANBUL"]),
    ("Ilık", &["ilik", "ILIK", "ılık"], &["İLİK"]),
    ("ЖУК и ёж", &["жук И ЁЖ"], &["еж"]),
    ("ÄÖÜ Åse", &["äöü åSE"], &["aou"]),
    // Sharp s is SS in capitals. The capital ẞ is a letter of its own.
    ("Straße", &["STRASSE", "strasse", "STRAßE", "ss"], &["STRAẞE"]),
    ("STRASSE", &["straße", "strasse"], &["straẞe"]),
    ("GROẞ", &["groẞ"], &["groß", "gross"]),
    ("ﬁnd ǆ", &["FIND", "Ǆ"], &[]),
    // Composed and decomposed letters.
    ("caf\u{e9}", &["cafe\u{301}", "CAFE\u{301}", "CAF\u{c9}", "caf\u{e9}"], &["cafe"]),
    ("cafe\u{301}", &["caf\u{e9}", "CAF\u{c9}", "cafe\u{301}", "cafe"], &["cafè"]),
    ("\u{d55c}\u{ae00}", &["\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"], &["\u{d55d}"]),
    // A text with both forms of a letter is found as it is, and by neither form alone.
    ("\u{e9}e\u{301}", &["\u{e9}e\u{301}"], &["\u{e9}\u{e9}", "e\u{301}e\u{301}"]),
    // The sign of the unit is the letter in Unicode's eyes, and the text has the sign.
    ("10 \u{212b}", &["10 \u{212b}"], &[]),
    ("100% _a\\b", &["100% _A\\B", "% _", "\\B"], &["100_", "%a", "\\\\", "0%_"]),
];

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn searches_find_the_same_tasks_in_a_database_of_every_language() {
    for (language, world) in worlds().await {
        for (number, (text, found, others)) in CASES.iter().enumerate() {
            for (person, task) in [
                ("title", json!({ "title": text })),
                ("description", json!({ "title": "-", "description": text })),
            ] {
                let person = world.user(&format!("{person} {number}"));
                person.creates(task).await;
                for q in *found {
                    assert!(finds(&person, q).await, "{language}: {q:?} does not find {text:?}");
                }
                for q in *others {
                    assert!(!finds(&person, q).await, "{language}: {q:?} finds {text:?}");
                }
            }
        }
    }
}

/// Numbers that look random, and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    /// A text of letters, marks and signs of many scripts.
    fn text(&mut self) -> String {
        let letters: Vec<char> = "aiIıİſßẞsSKKåÅÅéÉŉǰΐΰσςΣῼᾳ\u{345}\u{301}\u{307}\u{327}\u{300}ﬀﬁ՚ևեւԵՒǅǆ가각ᄀ\u{1161}%_\\' \u{200d}ﾞ😀𐐀𐐨ꭰᏸ"
            .chars()
            .collect();
        let length = 1 + self.below(12);
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }
}

#[tokio::test]
async fn what_a_text_contains_as_it_stands_is_always_found() {
    let (_, world) = worlds().await.remove(1);
    let (alice, mut random) = (world.user("alice"), Random(7));
    for _ in 0..150 {
        let title = random.text() + ".";
        let id = alice.creates(json!({ "title": title })).await["id"].as_i64().expect("an id");
        let letters: Vec<char> = title.chars().collect();
        let from = random.below(letters.len());
        let to = from + 1 + random.below(letters.len() - from);
        let part: String = letters[from..to].iter().collect();

        let found = alice.get(&list(&[("q", &part), ("limit", "1000")])).await.ids();

        assert!(found.contains(&id), "{part:?} does not find {title:?}");
    }
}
