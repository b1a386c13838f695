//! Where a block's arrays lie: the first that fit in its shared memory there, the others in a workspace in global memory.

use crate::Scalar;
use std::fmt::Write;

/// The plan of a block's arrays. In the kernel `PLACE(NAME)` is the array NAME, where `shared` is the dynamic shared memory and `room`
/// this block's part of the workspace: `WORKSPACE` numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Dynamic shared memory of a block \[bytes\].
    pub shared_bytes: usize,
    /// Numbers of a block in global memory.
    pub workspace: usize,
    /// The same, as the kernel's source says it.
    pub source: String,
}

impl Room {
    /// A place for each of `arrays` (name and length, most often read first) in `available` bytes of shared memory: every one that
    /// still fits when its turn comes.
    pub fn new<T: Scalar>(available: usize, arrays: &[(&str, usize)]) -> Self {
        let (mut shared, mut workspace) = (0, 0);
        let mut source =
            String::from("#define PLACE(NAME) ((IN_SHARED_##NAME ? shared : room) + AT_##NAME)\n");
        for (name, len) in arrays {
            // Sixteen bytes keep every array on its own vector.
            let len = len.next_multiple_of(4);
            let fits = (shared + len) * size_of::<T>() <= available;
            let end = if fits { &mut shared } else { &mut workspace };
            let _ = writeln!(
                source,
                "#define IN_SHARED_{name} {}\n#define AT_{name} {end}",
                usize::from(fits)
            );
            *end += len;
        }
        let _ = writeln!(source, "#define WORKSPACE {workspace}");
        Self {
            shared_bytes: shared * size_of::<T>(),
            workspace,
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What fits lies in shared memory, what does not in the workspace, and a later small array is not kept out by an earlier large one.
    #[test]
    fn arrays_are_placed_in_turn_where_they_fit() {
        let room = Room::new::<f32>(100, &[("A", 10), ("B", 40), ("C", 9)]);
        assert_eq!((room.shared_bytes, room.workspace), (24 * 4, 40));
        for line in [
            "IN_SHARED_A 1",
            "AT_A 0",
            "IN_SHARED_B 0",
            "AT_B 0",
            "IN_SHARED_C 1",
            "AT_C 12",
            "WORKSPACE 40",
        ] {
            assert!(room.source.contains(&format!("#define {line}\n")), "{line}");
        }
        let none = Room::new::<f64>(8, &[("A", 1), ("B", 3)]);
        assert_eq!((none.shared_bytes, none.workspace), (0, 8));
    }
}
