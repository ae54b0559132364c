/*
 * Changes to mappings of other processes: only a process itself can change its address space (section 4 of the design),
 * so a request is put on its memory map's list (under mm->lock), one of its threads is made to look, and the asker waits
 * for the answer.  Served on the way to the guest, before signals.
 */
#include "libos/mm/internal.h"

#define ASK_AGAIN_NS (NSEC_PER_SEC / 20)
#define ASK_TIMES 40	/* a stopped process does not answer: it is served before it runs again */

struct mm_request {
	ref_t refs;		/* asker and list */
	struct list node;
	struct inode *inode;	/* its mappings end at size now; referenced.  Null: copy memory instead */
	u64 size;		/* bytes to copy */
	u64 addr;
	bool write;		/* to addr */
	bool force;
	size_t copied;
	u32 done;		/* the asker sleeps on it */
	u8 data[];
};

static void request_put(struct mm_request *r)
{
	if (ref_put(&r->refs)) {
		if (r->inode)
			inode_put(r->inode);
		kfree(r);
	}
}

/* What is left of one page, made accessible for that moment: other threads that find it otherwise wait for mm->lock.  False: no more. */
static bool force_page(struct mm *mm, struct mm_request *r)
{
	u64 at = r->addr + r->copied, page = at & PAGE_MASK;
	size_t n = min(page + PAGE_SIZE - at, r->size - r->copied), left;
	struct vma *v = vma_find(mm, at);

	if (!v || v->start > at || (r->write && vma_is_shared(v) && !(v->prot & PROT_WRITE)))
		return false;
	if (host->mem_protect(page, PAGE_SIZE, BZ_PROT_READ | BZ_PROT_WRITE))
		return false;
	left = r->write ? copy_fault_safe((void *)at, r->data + r->copied, n) : copy_fault_safe(r->data + r->copied, (void *)at, n);
	if (host->mem_protect(page, PAGE_SIZE, host_prot(v->prot)))
		panic("a page at %lx cannot be protected again", (unsigned long)page);
	r->copied += n - left;
	return !left;
}

/* In the address space that is asked for.  What cannot be touched now ends it: mappings are the host's, protections too. */
static void copy_memory(struct mm *mm, struct mm_request *r)
{
	void *at = (void *)r->addr;

	if (r->addr >= BZ_GUEST_HIGH || r->size > BZ_GUEST_HIGH - r->addr)
		return;
	if (r->write && r->force)
		rewrite_restore(mm, r->addr & PAGE_MASK, PAGE_ALIGN(r->addr + r->size));
	r->copied = r->size - (r->write ? copy_fault_safe(at, r->data, r->size) : copy_fault_safe(r->data, at, r->size));
	while (r->force && r->copied < r->size && force_page(mm, r))
		;
}

void mm_serve_requests(struct mm *mm)
{
	struct mm_request *r;

	if (list_empty(&mm->requests))
		return;
	mutex_lock(&mm->lock);
	while (!list_empty(&mm->requests)) {
		r = list_first(&mm->requests, struct mm_request, node);
		list_del(&r->node);
		if (r->inode)
			mm_cut_mappings(mm, r->inode, r->size);
		else
			copy_memory(mm, r);
		__atomic_store_n(&r->done, 1, __ATOMIC_SEQ_CST);
		host->wake(&r->done, 1, ~0u, BZ_WAIT_SHARED);
		request_put(r);
	}
	mutex_unlock(&mm->lock);
}

void mm_drop_requests(struct mm *mm)
{
	struct mm_request *r, *tmp;

	list_for_each_safe(r, tmp, &mm->requests, node) {
		list_del(&r->node);
		request_put(r);
	}
}

static void kick_one(struct process *p)
{
	mutex_lock(&p->lock);
	if (!list_empty(&p->threads))
		thread_kick(list_first(&p->threads, struct thread, node));
	mutex_unlock(&p->lock);
}

/* Until it is served; false: it was not. */
static bool ask(struct process *p, struct mm *mm, struct mm_request *r)
{
	mutex_lock(&mm->lock);
	list_add_tail(&r->node, &mm->requests);
	mutex_unlock(&mm->lock);
	for (int i = 0; i < ASK_TIMES && !__atomic_load_n(&r->done, __ATOMIC_SEQ_CST) && !p->group_exit; i++) {
		kick_one(p);
		host->wait(&r->done, 0, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC,
			   now_mono() + ASK_AGAIN_NS);
	}
	return __atomic_load_n(&r->done, __ATOMIC_SEQ_CST);
}

static void ask_to_cut(struct process *p, struct mm *mm, struct inode *inode, u64 size)
{
	struct mm_request *r = kzalloc(sizeof(*r));

	if (!r)
		return;
	r->refs = 2;
	r->inode = inode;
	r->size = size;
	inode_get(inode);
	ask(p, mm, r);
	request_put(r);
}

ssize_t mm_remote_copy(struct process *p, struct mm *mm, u64 addr, void *buf, size_t n, bool write, bool force)
{
	struct mm_request *r = kzalloc(sizeof(*r) + n);
	ssize_t ret = -ESRCH;

	if (!r)
		return -ENOMEM;
	r->refs = 2;
	r->addr = addr;
	r->size = n;
	r->write = write;
	r->force = force;
	if (write)
		memcpy(r->data, buf, n);
	if (ask(p, mm, r)) {
		ret = r->copied;
		if (!write)
			memcpy(buf, r->data, r->copied);
	}
	request_put(r);
	return ret;
}

static bool maps_beyond(struct mm *mm, struct inode *inode, u64 size)
{
	struct vma *v;
	bool found = false;

	mutex_lock(&mm->lock);
	list_for_each(v, &mm->vmas, node)
		if (vma_maps_inode(v, inode) && v->offset + (v->backed_end - v->start) > PAGE_ALIGN(size))
			found = true;
	mutex_unlock(&mm->lock);
	return found;
}

/* The next process behind pid `after` that has memory of its own; referenced, as is *mm. */
static struct process *next_process(i32 after, struct mm **mm)
{
	struct process *p, *best = NULL;

	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash)
		if (p->pid > after && p->mm && p != current->process && (!best || p->pid < best->pid))
			best = p;
	if (best) {
		ref_get(&best->refs);
		*mm = best->mm;
		mm_get(*mm);
	}
	mutex_unlock(&tasklist_lock);
	return best;
}

void mm_truncate_others(struct inode *inode, u64 size)
{
	struct process *p;
	struct mm *mm;
	i32 pid = 0;

	while ((p = next_process(pid, &mm))) {
		pid = p->pid;
		if (maps_beyond(mm, inode, size))
			ask_to_cut(p, mm, inode, size);
		mm_put(mm);
		process_put(p);
	}
}
