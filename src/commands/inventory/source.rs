//! Where an inventory's events come from: files, or the raw topic without its group. It knows nothing of what is
//! counted.

use std::path::PathBuf;

use super::{Ids, Inventory, Looker, Record};
use crate::commands::input::{self, Blocks, Topic};
use crate::commands::progress::{Progress, Whole};
use crate::commands::{ConfigArg, Exit, a_time};
use crate::engine::Millis;
use crate::settings::{Settings, Unwrap};

/// Records of each partition, where nothing else is asked for.
const LATEST: u64 = 100_000;

/// What is common to commands that look at events.
#[derive(Debug, Clone, clap::Args)]
pub struct Source {
    /// Path of the message inside a record [default: raw.unwrap of the settings]
    #[arg(long, value_name = "PATH")]
    unwrap: Option<Unwrap>,
    /// Of the raw topic: records from this time on, like 2026-03-01 or, so long ago, 30d
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Of the raw topic: records before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Of the raw topic: at most so many records of each partition, the latest [default: 100000]
    #[arg(long, value_name = "N")]
    latest: Option<u64>,
    #[command(flatten)]
    config: ConfigArg,
}

impl Source {
    /// Looks at files, or without any at the raw topic of the settings.
    pub fn take(&self, files: &[PathBuf]) -> Result<Inventory, Exit> {
        let settings = self.config.load()?;
        let time = |text: &Option<String>| text.as_deref().map(a_time).transpose();
        let (from, to) = (time(&self.from)?, time(&self.to)?);
        if files.is_empty() {
            return self.topic(&settings, from, to);
        }
        if from.is_some() || to.is_some() || self.latest.is_some() {
            let what = "--from, --to and --latest are for the raw topic; files are read as they are";
            return Err(Exit::Usage(what.into()));
        }
        let mut looker = self.looker(&settings, Ids::default());
        let (inputs, progress) = input::files(files)?;
        for mut input in inputs {
            look(&mut looker, &mut *input, 0, &progress)?;
        }
        progress.finish();
        Ok(looker.inventory)
    }

    fn topic(&self, settings: &Settings, from: Option<Millis>, to: Option<Millis>) -> Result<Inventory, Exit> {
        let mut topic = Topic::find(settings, from, to)?;
        let not_read = topic.keep_latest(self.latest.unwrap_or(LATEST));
        let mut looker = self.looker(settings, Ids::of_topic(topic.ranges.len(), settings.raw.partitioner));
        looker.inventory.not_read = not_read;
        let progress = Progress::new(Whole::Records(topic.records()));
        for partition in 0..topic.ranges.len() as i32 {
            look(&mut looker, &mut topic.partition(partition)?, partition, &progress)?;
        }
        progress.finish();
        Ok(looker.inventory)
    }

    fn looker(&self, settings: &Settings, ids: Ids) -> Looker {
        let unwrap = self.unwrap.as_ref().map_or(&settings.raw.unwrap, |Unwrap(keys)| keys);
        Looker::new(unwrap, &settings.raw.placeholders, ids)
    }
}

/// One input after the other: what is counted does not depend on how they are merged.
fn look(looker: &mut Looker, input: &mut dyn Blocks, partition: i32, progress: &Progress) -> Result<(), Exit> {
    while let Some(block) = input.next_block()? {
        for (at, entry) in block.entries.iter().enumerate() {
            let place = || format!("{}:{}", input.name(), entry.number);
            let (key, value) = (block.key(at), block.value(at));
            looker.record(&Record { place: &place, time: entry.time, key, value, partition });
            progress.at(looker.inventory.records);
        }
    }
    Ok(())
}
