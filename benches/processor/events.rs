//! Events of about 970 bytes, of users who come back: one in twenty is an identify that says when it was sent.

use std::fmt::Write as _;

use crate::PARTITIONS;
use crate::support::broker::shared;
use crate::support::topics::{Record, Writer};

/// Writes `count` events whose times end at `last`, ten milliseconds apart; returns their bytes.
pub fn write(topic: &str, count: usize, users: usize, last: i64) -> usize {
    let writer = Writer::new(shared());
    let mut bytes = 0;
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(1_000) {
        let time = |n: usize| last - (count - n) as i64 * 10;
        let records: Vec<Record> = some.iter().map(|n| record(*n, n * 7_919 % users, time(*n))).collect();
        bytes += records.iter().filter_map(|record| record.value.as_ref()).map(Vec::len).sum::<usize>();
        writer.send_all(topic, &records);
    }
    writer.finish();
    bytes
}

/// Event number `n`, of a user, at a time in milliseconds.
pub fn record(n: usize, user: usize, time: i64) -> Record {
    let id = format!("user-{user}");
    let mut text = String::with_capacity(1_024);
    let at = jiff::Timestamp::from_millisecond(time).expect("a time of our days");
    let path = ["/pricing", "/docs/start", "/app/board", "/app/reports/42", "/blog/why"][n % 5];
    let body = match n % 20 {
        0 => format!(
            r#""type":"identify","traits":{{"email":"{id}@acme{}.example","title":"CTO","sent":"{time}","address":{{"country":"France"}},"company":{{"employees":{}}}}}"#,
            user % 900,
            user % 700
        ),
        n if n % 2 == 1 => format!(
            r#""type":"page","name":"Page","properties":{{"path":"{path}","url":"https://app.example.com{path}","referrer":"https://example.com/","title":"Reports and more","search":"","duration_ms":{}}}"#,
            n * 31
        ),
        n => format!(
            r#""type":"track","event":"{}","properties":{{"workspace":"ws-{}","source":"web","variant":"b","revenue":{}.5,"items":[1,2,3],"path":"{path}"}}"#,
            ["Signed In", "Report Created", "Invite Sent", "Feature Used", "Order Completed"][n / 2 % 5],
            user % 97,
            n
        ),
    };
    let _infallible = write!(
        text,
        r#"{{"messageId":"bench-{time}-{n:012}","userId":"{id}","anonymousId":"3f2504e0-4f89-41d3-9a0c-{user:012}",{body},"context":{{"ip":"203.0.113.{}","locale":"en-US","library":{{"name":"analytics.js","version":"2.11.1"}},"page":{{"path":"{path}","referrer":"https://app.example.com/board","search":"","title":"Reports and more","url":"https://app.example.com{path}"}},"screen":{{"width":1440,"height":900}},"userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}},"integrations":{{"All":true}},"timestamp":"{at:.3}","originalTimestamp":"{at:.3}","sentAt":"{at:.3}","receivedAt":"{at:.3}","version":2}}"#,
        user % 256
    );
    // Spread over the partitions as the default partitioner does, so that no one is counted as misrouted.
    let partition = kairos::engine::partition::of_key(kairos::engine::Partitioner::Murmur2, id.as_bytes(), PARTITIONS);
    Record { partition, time, key: Some(id.into_bytes()), value: Some(text.into_bytes()) }
}
