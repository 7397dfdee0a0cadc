//! Memory nodes: which core is near which memory, and keeping a thread's memory near.

use std::io;

use crate::checkup::{CpuList, Root};

/// One more than the highest node that a mask can name: the kernel's own bound (`MAX_NUMNODES`).
const NODES_MAX: usize = 1_024;

/// Words of a mask of nodes.
const MASK_WORDS: usize = NODES_MAX / u64::BITS as usize;

/// Policies and flags of `set_mempolicy(2)` and `mbind(2)`.
const MPOL_DEFAULT: i32 = 0;
const MPOL_BIND: i32 = 2;

/// A memory node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: usize,
    /// The cores that are near it.
    pub cpus: CpuList,
}

/// The nodes of the machine whose files lie below `root`, by number; none where it has no such
/// notion.
pub fn nodes(root: &Root) -> Vec<Node> {
    let folder = "sys/devices/system/node";
    root.numbered(folder, "node")
        .into_iter()
        .map(|id| Node {
            id,
            cpus: root.cpus(&format!("{folder}/node{id}/cpulist")).unwrap_or_default(),
        })
        .collect()
}

/// The node that core `cpu` is near.
pub fn node_of_cpu(root: &Root, cpu: usize) -> Option<usize> {
    nodes(root).into_iter().find(|node| node.cpus.contains(cpu)).map(|node| node.id)
}

/// Takes the current thread's new memory from this node alone.
///
/// Pages that are there already stay where they are.
///
/// # Errors
/// A node that does not exist, or a kernel without nodes.
pub fn bind_current_thread(node: usize) -> io::Result<()> {
    let mask = mask_of(node)?;
    // SAFETY: the mask has as many bits as are said, and is read during the call alone.
    let result =
        unsafe { libc::syscall(libc::SYS_set_mempolicy, MPOL_BIND, mask.as_ptr(), NODES_MAX + 1) };
    outcome(result)
}

/// Takes the current thread's new memory from where the system likes, which is its own node
/// first.
///
/// # Errors
/// A kernel without nodes.
pub fn unbind_current_thread() -> io::Result<()> {
    let nothing = core::ptr::null::<u64>();
    // SAFETY: the default policy takes no mask.
    outcome(unsafe { libc::syscall(libc::SYS_set_mempolicy, MPOL_DEFAULT, nothing, 0) })
}

/// Takes the pages of `length` bytes from `start` on from this node alone, those that are not
/// there yet.
pub(crate) fn bind_range(start: *mut u8, length: usize, node: usize) -> io::Result<()> {
    let mask = mask_of(node)?;
    // SAFETY: a policy changes no contents; where the range is not mapped the kernel refuses. The
    // mask has as many bits as are said, and is read during the call alone.
    let result = unsafe {
        libc::syscall(libc::SYS_mbind, start, length, MPOL_BIND, mask.as_ptr(), NODES_MAX + 1, 0)
    };
    outcome(result)
}

fn mask_of(node: usize) -> io::Result<[u64; MASK_WORDS]> {
    let mut mask = [0; MASK_WORDS];
    let bits = u64::BITS as usize;
    let Some(word) = mask.get_mut(node / bits) else {
        let message = format!("no such node: {node}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    *word = 1 << (node % bits);
    Ok(mask)
}

fn outcome(result: libc::c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_bound_to_the_node_of_its_core() {
        let root = Root::new("/");
        let Some(node) = node_of_cpu(&root, crate::allowed_cpus().unwrap()[0]) else {
            println!("skipped: this machine shows no nodes");
            return;
        };
        std::thread::spawn(move || match bind_current_thread(node) {
            Ok(()) => {
                let memory = vec![1_u8; 1 << 20];
                assert_eq!(memory.iter().map(|&byte| u64::from(byte)).sum::<u64>(), 1 << 20);
                unbind_current_thread().unwrap();
            }
            // Containers and kernels without nodes refuse the call itself.
            Err(error) => {
                assert!(
                    matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS)),
                    "{error}"
                );
            }
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_node_that_does_not_exist_is_refused() {
        std::thread::spawn(|| {
            for node in [NODES_MAX - 1, NODES_MAX, usize::MAX] {
                assert!(bind_current_thread(node).is_err(), "{node}");
            }
        })
        .join()
        .unwrap();
    }
}
