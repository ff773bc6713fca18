//! Somebody who may become a customer: who they are, and what their next visit holds. It knows nothing of messages or of
//! how they travel.

use super::dice::Dice;
use crate::engine::Millis;

pub const MINUTE: Millis = 60_000;
pub const HOUR: Millis = 60 * MINUTE;
pub const DAY: Millis = 24 * HOUR;

/// A company that people work for.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: String,
    pub name: String,
    pub employees: Millis,
    pub industry: &'static str,
    pub country: &'static str,
}

#[derive(Debug, Clone)]
pub struct Person {
    pub anonymous_id: String,
    pub user_id: String,
    pub email: String,
    pub title: &'static str,
    pub account: Account,
    /// A size as text and the title under another name: how some forms send them.
    pub odd_form: bool,
    pub plan: &'static str,
    pub orders: u32,
    stage: Stage,
    /// How much they want the product, from 0 to 1.
    interest: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Visitor {
        visits_left: u32,
    },
    Trial {
        days_left: u32,
    },
    /// A full basket; the order comes, or not.
    Deciding {
        hours: Millis,
    },
    /// `growing`: days left in which a team outgrows its plan.
    Customer {
        growing: u32,
    },
    /// Not seen for a while. What comes after is decided when it is over.
    Quiet {
        customer: bool,
    },
}

/// One thing a person does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Act {
    Page(&'static str),
    Track(&'static str),
    /// Said by a server, not by a browser.
    Server(&'static str),
    Order,
    Identify,
    Group,
}

/// What happens at one visit, and after which time the next one is; `None`: they don't come back.
pub struct Visit {
    pub acts: Vec<Act>,
    pub next: Option<Millis>,
}

const TITLES: [&str; 12] = [
    "CTO",
    "Head of Marketing",
    "VP Sales",
    "Data Engineer",
    "Product Manager",
    "Growth Lead",
    "Founder",
    "Director of Engineering",
    "Analyst",
    "Customer Success Manager",
    "Software Engineer",
    "Operations Manager",
];
const FIRST: [&str; 10] = ["North", "Blue", "Clear", "Iron", "Silver", "Quick", "Open", "True", "Bright", "High"];
const SECOND: [&str; 10] = ["gate", "harbor", "field", "stone", "path", "forge", "water", "ridge", "line", "works"];
const KINDS: [&str; 4] = ["Labs", "Systems", "Analytics", "Group"];
const INDUSTRIES: [&str; 6] = ["Software", "Internet", "Fintech", "Retail", "Logistics", "Education"];
const COUNTRIES: [&str; 7] = ["United States", "Canada", "Germany", "France", "United Kingdom", "India", "Brazil"];
const LANDING: [&str; 6] = ["/", "/features", "/blog/right-moment", "/customers", "/docs/quickstart", "/pricing"];
const PRODUCT: [&str; 5] = ["/app", "/app/projects", "/app/reports", "/app/settings", "/app/members"];
const READING: [&str; 4] = ["/docs/api", "/integrations/crm", "/security", "/docs/import"];

impl Account {
    pub fn new(dice: &mut Dice, number: u64) -> Self {
        let name = format!("{}{} {}", dice.pick(&FIRST), dice.pick(&SECOND), dice.pick(&KINDS));
        let employees = match dice.between(0, 9) {
            0..3 => dice.between(2, 49),
            3..8 => dice.between(50, 499),
            _ => dice.between(500, 9_000),
        };
        let id = format!("{}-{number}", name.to_ascii_lowercase().replace(' ', "-"));
        Self { id, name, employees, industry: dice.pick(&INDUSTRIES), country: dice.pick(&COUNTRIES) }
    }
}

impl Person {
    pub fn new(dice: &mut Dice, number: u64, account: Account) -> Self {
        let title = dice.pick(&TITLES);
        let email = if dice.chance(0.15) {
            format!("simulated-user-{number}@gmail.com")
        } else {
            format!("{}.{number}@{}.example", title.to_ascii_lowercase().replace(' ', "-"), account.id)
        };
        Self {
            anonymous_id: dice.uuid(),
            user_id: format!("{:013x}", dice.bits() >> 12),
            email,
            title,
            account,
            odd_form: dice.chance(0.2),
            plan: "trial",
            orders: 0,
            stage: Stage::Visitor { visits_left: dice.between(1, 4) as u32 },
            interest: dice.part(),
        }
    }

    /// Before they have signed up, nobody knows who they are.
    pub fn is_known(&self) -> bool {
        !matches!(self.stage, Stage::Visitor { .. })
    }

    /// `now` only decides on when the next visit is.
    pub fn visit(&mut self, dice: &mut Dice, now: Millis) -> Visit {
        match self.stage {
            Stage::Visitor { visits_left: 0 } => self.sign_up(dice, now),
            Stage::Visitor { visits_left } => self.look_around(dice, now, visits_left),
            Stage::Trial { days_left: 0 } => self.end_trial(dice, now),
            Stage::Trial { days_left } => self.try_out(dice, now, days_left),
            Stage::Deciding { .. } => self.order(dice, now),
            Stage::Customer { growing } => self.work(dice, now, growing),
            Stage::Quiet { customer } => self.come_back(dice, now, customer),
        }
    }

    fn look_around(&mut self, dice: &mut Dice, now: Millis, visits_left: u32) -> Visit {
        let mut acts = some(dice, 2, 4, &LANDING);
        if dice.chance(self.interest) {
            acts.push(Act::Page("/pricing"));
        }
        if self.interest < 0.15 {
            return Visit { acts, next: None };
        }
        self.stage = Stage::Visitor { visits_left: visits_left - 1 };
        Visit { acts, next: Some(a_working_day_later(dice, now, 1)) }
    }

    fn sign_up(&mut self, dice: &mut Dice, now: Millis) -> Visit {
        self.stage = Stage::Trial { days_left: dice.between(6, 12) as u32 };
        let mut acts = vec![Act::Page("/signup"), Act::Identify, Act::Group, Act::Track("Signed Up")];
        if dice.chance(0.85) {
            acts.push(Act::Track("Trial Started"));
        }
        acts.push(Act::Page("/app"));
        if dice.chance(0.3 + self.interest / 2.0) {
            acts.push(Act::Track("Project Created"));
        }
        Visit { acts, next: Some(a_working_day_later(dice, now, 1)) }
    }

    fn try_out(&mut self, dice: &mut Dice, now: Millis, days_left: u32) -> Visit {
        self.stage = Stage::Trial { days_left: days_left - 1 };
        let mut acts = vec![Act::Track("Signed In")];
        acts.extend(some(dice, 1, 4, &PRODUCT));
        for (act, chance) in [
            (Act::Track("Project Created"), 0.25),
            (Act::Track("Invite Sent"), 0.2 * self.interest),
            (Act::Page("/pricing"), 0.4 * self.interest),
            (Act::Page(dice.pick(&READING)), 0.3),
            (Act::Track("Demo Requested"), 0.06 * self.interest),
        ] {
            if dice.chance(chance) {
                acts.push(act);
            }
        }
        Visit { acts, next: Some(a_working_day_later(dice, now, 1)) }
    }

    fn end_trial(&mut self, dice: &mut Dice, now: Millis) -> Visit {
        if dice.chance(self.interest + 0.1) {
            return self.fill_basket(dice);
        }
        let stays_away = self.interest < 0.4;
        self.stage = Stage::Quiet { customer: false };
        let next = (!stays_away).then(|| a_working_day_later(dice, now, 14));
        Visit { acts: vec![Act::Server("Trial Ended")], next }
    }

    fn fill_basket(&mut self, dice: &mut Dice) -> Visit {
        // Some order on the spot; most ask somebody first.
        let hours = if dice.chance(0.25) { 0 } else { dice.between(2, 40) };
        self.stage = Stage::Deciding { hours };
        let mut acts = vec![Act::Track("Signed In"), Act::Page("/pricing"), Act::Page("/pricing/teams")];
        acts.extend([Act::Page("/pricing"), Act::Track("Product Added"), Act::Track("Checkout Started")]);
        Visit { acts, next: Some(hours * HOUR + dice.between(4, 9) * MINUTE) }
    }

    fn order(&mut self, dice: &mut Dice, now: Millis) -> Visit {
        if self.orders == 0 && dice.chance(0.2) {
            self.stage = Stage::Quiet { customer: false };
            return Visit { acts: vec![Act::Page("/pricing")], next: Some(a_working_day_later(dice, now, 20)) };
        }
        self.orders += 1;
        self.plan = if self.orders > 1 { "business" } else { "team" };
        self.stage = Stage::Customer { growing: 0 };
        let acts = vec![Act::Page("/checkout"), Act::Order, Act::Identify, Act::Group];
        Visit { acts, next: Some(a_working_day_later(dice, now, 1)) }
    }

    fn work(&mut self, dice: &mut Dice, now: Millis, growing: u32) -> Visit {
        let mut acts = vec![Act::Track("Signed In")];
        acts.extend(some(dice, 2, 6, &PRODUCT));
        if dice.chance(0.2) {
            acts.push(Act::Track("Project Created"));
        }
        if growing > 0 {
            let signs = ["Account Added User", "Limit Reached", "Invite Sent"];
            acts.push(Act::Track(dice.pick(&signs)));
            acts.push(Act::Page(dice.pick(&["/pricing", "/app/members", "/plans/business"])));
        }
        if growing == 1 && dice.chance(0.5) {
            let basket = self.fill_basket(dice);
            acts.extend(&basket.acts[1..]);
            return Visit { acts, ..basket };
        }
        if dice.chance(0.02) {
            self.stage = Stage::Quiet { customer: true };
            let days = dice.between(8, 30);
            return Visit { acts, next: dice.chance(0.7).then(|| a_working_day_later(dice, now, days)) };
        }
        let growing = if growing == 0 && dice.chance(0.04) { 6 } else { growing.saturating_sub(1) };
        self.stage = Stage::Customer { growing };
        Visit { acts, next: Some(a_working_day_later(dice, now, 1)) }
    }

    fn come_back(&mut self, dice: &mut Dice, now: Millis, customer: bool) -> Visit {
        if customer {
            return self.work(dice, now, 0);
        }
        self.interest = (self.interest + 0.2).min(1.0);
        self.stage = Stage::Trial { days_left: dice.between(2, 5) as u32 };
        let acts = vec![Act::Track("Signed In"), Act::Page("/pricing"), Act::Page("/app")];
        Visit { acts, next: Some(a_working_day_later(dice, now, 1)) }
    }
}

fn some(dice: &mut Dice, low: Millis, high: Millis, pages: &[&'static str]) -> Vec<Act> {
    (0..dice.between(low, high)).map(|_| Act::Page(dice.pick(pages))).collect()
}

/// About `days` days on, between 7 and 18 o'clock, seldom at a weekend.
fn a_working_day_later(dice: &mut Dice, now: Millis, days: Millis) -> Millis {
    let today = now.div_euclid(DAY);
    let mut day = today + days + Millis::from(dice.chance(0.2));
    // Day 0 of the epoch was a Thursday.
    while matches!((day + 3).rem_euclid(7), 5 | 6) && dice.chance(0.85) {
        day += 1;
    }
    day * DAY + 7 * HOUR + dice.between(0, 11 * 60) * MINUTE + dice.between(0, MINUTE - 1) - now
}
