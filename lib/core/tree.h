/* SPDX-License-Identifier: MIT */
/* Map entries in order of address: balanced trees that share what is equal. */
#ifndef VMI_CORE_TREE_H
#define VMI_CORE_TREE_H

#include "lib/core/core.h"

/* A tree while a transaction changes it. */
struct vmi_tree {
	struct vmi_map_node *root;
	size_t allocated; /* nodes, for this transaction */
	bool failed;	  /* there was no memory: the tree is not whole */
};

/* The last byte: gpa + bytes may be 2^64. */
static inline uint64_t vmi_last_of(const struct vmi_map_entry *e)
{
	return e->gpa + (e->bytes - 1);
}

/* A tree like that of a root; drop it, or what a view made of it holds. */
void vmi_tree_init(struct vmi_tree *t, struct vmi_map_node *root);
void vmi_tree_fini(struct vmi_tree *t);
void vmi_nodes_put(struct vmi_map_node *root);

/* How many entries there are. */
size_t vmi_nodes_count(const struct vmi_map_node *root);
/* The first entry that ends at or after gpa, or NULL. */
struct vmi_map_entry *vmi_nodes_at(struct vmi_map_node *root, uint64_t gpa);
/* The next one, or NULL. */
struct vmi_map_entry *vmi_nodes_next(struct vmi_map_node *root,
	const struct vmi_map_entry *e);

/* They record their failure: -EEXIST, -ENOENT, -ENOMEM. */
int vmi_tree_add(struct vmi_tree *t, const struct vmi_map_entry *entry);
int vmi_tree_remove(struct vmi_tree *t, uint64_t gpa, uint64_t bytes);
int vmi_tree_set_flags(struct vmi_tree *t, const struct vmi_map_entry *range);
void vmi_tree_clear(struct vmi_tree *t);
/* Log what the guest can write to and nobody logs; and what was so, no more. */
int vmi_tree_track(struct vmi_tree *t, bool on);

#endif
