//! A profile opened for work: its bytes, and where each cell's payload lies in them. Used again for every profile, so that
//! the steady state allocates only what is kept.

use super::super::playbook::program::CellId;
use super::varint;

const ABSENT: (u32, u32) = (u32::MAX, 0);

/// One profile's cells. Packed form: for each cell in order, its number, the payload's length, the payload.
#[derive(Debug, Default)]
pub struct Body {
    bytes: Vec<u8>,
    places: Vec<(u32, u32)>,
    present: Vec<CellId>,
    touched: Vec<CellId>,
    changed: bool,
}

impl Body {
    pub fn new(cells: usize) -> Self {
        Self { places: vec![ABSENT; cells], ..Self::default() }
    }

    /// Forgets what was open and opens this profile. Cells of numbers the playbook does not have are left out.
    pub fn open(&mut self, packed: &[u8]) {
        self.clear();
        self.bytes.extend_from_slice(packed);
        let mut from = packed;
        while !from.is_empty() {
            let id = varint::take(&mut from) as usize;
            let length = varint::take(&mut from) as usize;
            let start = packed.len() - from.len();
            let length = varint::take_bytes(&mut from, length).len();
            if id < self.places.len() {
                self.places[id] = (start as u32, length as u32);
                self.present.push(id as CellId);
            }
        }
        self.changed = false;
    }

    pub fn clear(&mut self) {
        for id in self.present.drain(..) {
            self.places[usize::from(id)] = ABSENT;
        }
        self.bytes.clear();
        self.touched.clear();
        self.changed = true;
    }

    pub fn get(&self, id: CellId) -> Option<&[u8]> {
        let (start, length) = self.places[usize::from(id)];
        (start != u32::MAX).then(|| &self.bytes[start as usize..(start + length) as usize])
    }

    pub fn has(&self, id: CellId) -> bool {
        self.places[usize::from(id)] != ABSENT
    }

    /// Gives a cell the payload that `write` appends.
    pub fn set(&mut self, id: CellId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let place = &mut self.places[usize::from(id)];
        if *place == ABSENT {
            self.present.push(id);
        }
        *place = (start as u32, (self.bytes.len() - start) as u32);
        self.touched.push(id);
        self.changed = true;
    }

    pub fn remove(&mut self, id: CellId) {
        if self.has(id) {
            self.places[usize::from(id)] = ABSENT;
            self.present.retain(|have| *have != id);
            self.touched.push(id);
            self.changed = true;
        }
    }

    /// Whether anything was set or removed since it was opened.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// The cells that were set or removed since then, some more than once.
    pub fn touched(&self) -> &[CellId] {
        &self.touched
    }

    /// The cells that have a payload, in order.
    pub fn cells(&mut self) -> &[CellId] {
        self.present.sort_unstable();
        &self.present
    }

    /// Appends the packed form.
    pub fn pack(&mut self, out: &mut Vec<u8>) {
        self.present.sort_unstable();
        for id in &self.present {
            let (start, length) = self.places[usize::from(*id)];
            varint::put(out, u64::from(*id));
            varint::put(out, u64::from(length));
            out.extend_from_slice(&self.bytes[start as usize..(start + length) as usize]);
        }
    }
}

/// The payload of one cell of a packed profile, without opening it.
pub fn payload(packed: &[u8], cell: CellId) -> Option<&[u8]> {
    let mut from = packed;
    while !from.is_empty() {
        let id = varint::take(&mut from);
        let length = varint::take(&mut from) as usize;
        let payload = varint::take_bytes(&mut from, length);
        if id >= u64::from(cell) {
            return (id == u64::from(cell)).then_some(payload); // they lie in order
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_and_opens() {
        let mut body = Body::new(4);
        body.set(3, |out| out.extend_from_slice(b"three"));
        body.set(1, |out| out.extend_from_slice(b"one"));
        body.set(3, |out| out.extend_from_slice(b"drei"));
        body.set(0, |_| {});
        body.remove(0);
        let mut packed = Vec::new();
        body.pack(&mut packed);
        let mut again = Body::new(4);
        again.open(&packed);
        assert_eq!((again.get(0), again.get(1), again.get(3)), (None, Some(&b"one"[..]), Some(&b"drei"[..])));
        assert!(!again.changed());
        assert_eq!(again.cells(), [1, 3]);
        assert_eq!(
            [0, 1, 2, 3].map(|cell| payload(&packed, cell)),
            [None, Some(&b"one"[..]), None, Some(&b"drei"[..])]
        );
    }

    #[test]
    fn damaged_bytes_do_not_panic() {
        let mut body = Body::new(2);
        body.open(&[1, 200, 7, 7]);
        assert_eq!(body.get(1), Some(&[7u8][..]));
        body.open(&[9, 1, 1, 0x80]);
        assert_eq!(body.get(1), None);
    }
}
