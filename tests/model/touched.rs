//! What of the pages a run touched, noted by the model on its way: each part of an expression by what it came to, each
//! clause when it makes a difference. It knows nothing of the list of all there is.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::model::value::Value;

/// One name of the pages.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    /// Cases in which it was met.
    pub cases: u32,
    /// It came to more than one value, or it is a clause.
    pub differed: bool,
    first: Option<Value>,
    met: bool,
}

thread_local! {
    static NOTED: RefCell<BTreeMap<String, Touched>> = const { RefCell::new(BTreeMap::new()) };
}

/// A part of an expression came to a value.
pub fn value(name: &str, value: &Value) {
    note(name, |touched| match &touched.first {
        _ if touched.differed => {}
        Some(first) => touched.differed = first != value,
        None => touched.first = Some(value.clone()),
    });
}

/// A clause made a difference, or a key was there.
pub fn clause(name: &str) {
    note(name, |touched| touched.differed = true);
}

pub fn clause_if(name: &str, happened: bool) {
    if happened {
        clause(name);
    }
}

/// All since the thread began; what is met from now on counts as another case.
pub fn next_case() -> BTreeMap<String, Touched> {
    NOTED.with_borrow_mut(|noted| {
        noted.values_mut().for_each(|touched| touched.cases += u32::from(std::mem::take(&mut touched.met)));
        noted.clone()
    })
}

fn note(name: &str, how: impl FnOnce(&mut Touched)) {
    NOTED.with_borrow_mut(|noted| {
        if !noted.contains_key(name) {
            noted.insert(name.to_owned(), Touched::default());
        }
        let touched = noted.get_mut(name).expect("just seen");
        touched.met = true;
        how(touched);
    });
}
