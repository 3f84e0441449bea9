//! All paths of one stream as one automaton over decoded, folded member names.
//!
//! A node stands for "the steps so far matched a prefix of these paths". A place in an event is described by the
//! set of nodes active there; `decode` carries such sets down the document. A `..` is a node of its own that stays
//! active in everything below, so no set of sets is ever built and a thousand paths cost no more than the names met.

use super::condition::Condition;
use super::names::{NameId, NameTable};
use crate::event::{Path, PathId, Selector, SlotId};
use std::sync::atomic::{AtomicU64, Ordering};

/// A node of the automaton; 0 is the root.
pub type NodeId = u16;

/// The root node: the whole document.
pub const ROOT: NodeId = 0;

/// One node of the automaton.
#[derive(Default)]
pub struct Node {
    /// The path that ends here.
    pub terminal: Option<PathId>,
    /// A `..` node: active in everything below the place where it became active.
    pub persistent: bool,
    /// The `..` node that becomes active together with this one.
    pub descend: Option<NodeId>,
    /// Where `[*]` leads.
    pub wildcard: Option<NodeId>,
    /// Where members lead, by name, sorted.
    members: Vec<(NameId, NodeId)>,
    /// Where elements lead, by index, sorted.
    elements: Vec<(u32, NodeId)>,
    /// Whether a path goes on below: a scalar here may be a mismatch.
    pub interior: bool,
}

impl Node {
    /// Where a member of that name leads.
    pub fn member(&self, name: NameId) -> Option<NodeId> {
        // Most nodes have a handful of members, which are found sooner one after another.
        if self.members.len() <= 8 {
            return self.members.iter().find(|(known, _)| *known == name).map(|(_, node)| *node);
        }
        let position = self.members.binary_search_by_key(&name, |(known, _)| *known).ok()?;
        Some(self.members[position].1)
    }

    /// Where the element at that position leads.
    pub fn element(&self, index: u32) -> Option<NodeId> {
        let position = self.elements.binary_search_by_key(&index, |(known, _)| *known).ok()?;
        Some(self.elements[position].1)
    }

    /// Whether any element has a step of its own.
    pub fn has_elements(&self) -> bool {
        !self.elements.is_empty()
    }
}

/// What the paths of a stream ask of one path's places.
#[derive(Default)]
struct PathUse {
    path: Path,
    slots: Vec<SlotId>,
    elementwise: bool,
    interior: Vec<usize>,
    /// Those of them from which the path goes on by a name or at any depth, and not by position or wildcard.
    by_name: Vec<usize>,
    /// The paths inside the JSON text that strings at this path hold.
    inner: Option<Box<PathIndex>>,
    filters: Option<Box<Filters>>,
}

/// What the filters at one path ask of each element of the arrays there.
pub struct Filters {
    /// The paths that they test, from the element on.
    pub index: PathIndex,
    /// Their conditions; an [`Action::Filter`](super::Action::Filter) names one by its position.
    pub conditions: Vec<Condition>,
}

/// The automaton.
pub struct PathIndex {
    /// Like no other's of this process.
    id: u64,
    nodes: Vec<Node>,
    names: NameTable,
    paths: Vec<PathUse>,
    has_wildcards: bool,
    has_inner: bool,
    has_filters: bool,
}

impl PathIndex {
    /// Compiles the distinct paths of a stream, each with the slots that it fills; `PathId`s are positions
    /// in the list. `fold` is false under `match: exact`.
    pub fn build(paths: Vec<(Path, Vec<SlotId>)>, fold: bool) -> PathIndex {
        let mut names = NameTable::new(fold);
        let mut nodes = vec![Node::default()];
        let mut uses = Vec::with_capacity(paths.len());
        for (id, (path, slots)) in paths.into_iter().enumerate() {
            let (interior, by_name) = add_path(&mut nodes, &mut names, &path, PathId(id as u16));
            uses.push(PathUse { path, slots, interior, by_name, ..PathUse::default() });
        }
        names.seal();
        let has_wildcards = nodes.iter().any(|node| node.wildcard.is_some());
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        PathIndex { id, nodes, names, paths: uses, has_wildcards, has_inner: false, has_filters: false }
    }

    /// A number that no other index of this process has, also not one of a plan that ran before.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How many paths there are.
    pub fn path_count(&self) -> usize {
        self.paths.len()
    }

    /// How many nodes the automaton has.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[usize::from(id)]
    }

    /// Whether some step leads on from members of any name.
    pub fn has_wildcards(&self) -> bool {
        self.has_wildcards
    }

    /// The names that the paths use.
    pub fn names(&self) -> &NameTable {
        &self.names
    }

    /// One path.
    pub fn path(&self, id: PathId) -> &Path {
        &self.paths[id.index()].path
    }

    /// The slots that a path fills.
    pub fn slots(&self, id: PathId) -> &[SlotId] {
        &self.paths[id.index()].slots
    }

    /// Whether some sink treats arrays of scalars at this path element by element.
    pub fn is_elementwise(&self, id: PathId) -> bool {
        self.paths[id.index()].elementwise
    }

    /// By [`PathId`], the place of the path in the order of specificity; equal ranks tie.
    pub fn specificity(&self) -> Vec<u32> {
        let mut order: Vec<usize> = (0..self.paths.len()).collect();
        order.sort_by(|a, b| self.paths[*a].path.cmp_specificity(&self.paths[*b].path));
        let mut ranks = vec![0; self.paths.len()];
        let mut rank = 0;
        for (position, id) in order.iter().copied().enumerate() {
            if position > 0 && !self.paths[order[position - 1]].path.ties_with(&self.paths[id].path) {
                rank += 1;
            }
            ranks[id] = rank;
        }
        ranks
    }

    /// The nodes at which the path expects an object or array; not the root, which may be anything.
    pub fn interior_nodes(&self, path: PathId) -> Vec<usize> {
        self.paths[path.index()].interior.clone()
    }

    /// Those interior nodes at which the path expects an object: it goes on by a name or at any depth. At the others an
    /// array of scalars is what the path is about.
    pub fn object_nodes(&self, path: PathId) -> Vec<usize> {
        self.paths[path.index()].by_name.clone()
    }

    /// Says that strings at this path hold JSON text, and which paths are of interest there.
    pub fn set_inner(&mut self, path: PathId, index: PathIndex) {
        self.has_inner = true;
        self.has_filters |= index.has_filters;
        self.paths[path.index()].inner = Some(Box::new(index));
    }

    /// Says that arrays at this path are filtered.
    pub fn set_filters(&mut self, path: PathId, filters: Filters) {
        self.has_filters = true;
        self.paths[path.index()].filters = Some(Box::new(filters));
    }

    /// Whether arrays at any path are filtered, also inside JSON text.
    pub fn has_filters(&self) -> bool {
        self.has_filters
    }

    /// The filters for arrays at this path.
    pub fn filters(&self, path: PathId) -> Option<&Filters> {
        self.paths[path.index()].filters.as_deref()
    }

    /// Whether strings at any path are read as JSON text.
    pub fn has_inner(&self) -> bool {
        self.has_inner
    }

    /// The paths inside the JSON text of strings at this path, where some sink has rules for it.
    pub fn inner(&self, path: PathId) -> Option<&PathIndex> {
        self.paths[path.index()].inner.as_deref()
    }

    /// The same, while the plan is being made.
    pub fn inner_mut(&mut self, path: PathId) -> Option<&mut PathIndex> {
        self.paths[path.index()].inner.as_deref_mut()
    }

    /// Notes that some sink treats arrays of scalars at this path element by element.
    pub fn set_elementwise(&mut self, path: PathId) {
        self.paths[path.index()].elementwise = true;
    }
}

/// Adds one path; returns its interior nodes, and those from which it goes on by name or at any depth.
fn add_path(nodes: &mut Vec<Node>, names: &mut NameTable, path: &Path, id: PathId) -> (Vec<usize>, Vec<usize>) {
    let mut at = usize::from(ROOT);
    let (mut interior, mut by_name) = (Vec::new(), Vec::new());
    for (depth, segment) in path.segments().iter().enumerate() {
        if depth > 0 {
            nodes[at].interior = true;
            interior.push(at);
            if segment.descendant || matches!(segment.selector, Selector::Name(_)) {
                by_name.push(at);
            }
        }
        if segment.descendant {
            at = descend(nodes, at);
        }
        at = step(nodes, names, at, &segment.selector);
    }
    nodes[at].terminal = Some(id);
    (interior, by_name)
}

/// The `..` node of a node, made at need.
fn descend(nodes: &mut Vec<Node>, at: usize) -> usize {
    if let Some(known) = nodes[at].descend {
        return usize::from(known);
    }
    let made = push(nodes, Node { persistent: true, ..Node::default() });
    nodes[at].descend = Some(made);
    usize::from(made)
}

/// The node behind one selector, made at need.
fn step(nodes: &mut Vec<Node>, names: &mut NameTable, at: usize, selector: &Selector) -> usize {
    let known = match selector {
        Selector::Name(name) => {
            let name = names.intern(name);
            nodes[at].member(name)
        }
        Selector::Index(index) => nodes[at].element(*index),
        Selector::Wildcard => nodes[at].wildcard,
    };
    if let Some(known) = known {
        return usize::from(known);
    }
    let made = push(nodes, Node::default());
    match selector {
        Selector::Name(name) => insert_sorted(&mut nodes[at].members, names.intern(name), made),
        Selector::Index(index) => insert_sorted(&mut nodes[at].elements, *index, made),
        Selector::Wildcard => nodes[at].wildcard = Some(made),
    }
    usize::from(made)
}

fn insert_sorted<K: Ord + Copy>(list: &mut Vec<(K, NodeId)>, key: K, node: NodeId) {
    let position = list.partition_point(|(known, _)| *known < key);
    list.insert(position, (key, node));
}

fn push(nodes: &mut Vec<Node>, node: Node) -> NodeId {
    let id = NodeId::try_from(nodes.len()).expect("the policy compiler bounds the paths of a stream far below 65,536 steps");
    nodes.push(node);
    id
}
