// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs on purpose: one of each kind that the debug kernel is there to find. Loading this commits them all. If one goes
 * unreported, a quiet log of the real driver proves nothing: see positive-control.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(planted_lock);
static DEFINE_MUTEX(planted_first);
static DEFINE_MUTEX(planted_second);

static void planted_sleep_in_atomic(void)
{
	/* Taken at once, so nothing sleeps: that it may is what has to be reported. */
	spin_lock(&planted_lock);
	mutex_lock(&planted_first);
	mutex_unlock(&planted_first);
	spin_unlock(&planted_lock);
}

static void planted_inversion(void)
{
	mutex_lock(&planted_first);
	mutex_lock(&planted_second);
	mutex_unlock(&planted_second);
	mutex_unlock(&planted_first);

	mutex_lock(&planted_second);
	mutex_lock(&planted_first);
	mutex_unlock(&planted_first);
	mutex_unlock(&planted_second);
}

static noinline void planted_leak(void)
{
	void *volatile lost = kmalloc(1234, GFP_KERNEL);

	lost = NULL;
	(void)lost;
}

static noinline void planted_use_after_free(void)
{
	char *volatile freed = kmalloc(64, GFP_KERNEL);

	kfree(freed);
	freed[3] = 1;
}

static unsigned long planted_shared;

static int planted_race(void *unused)
{
	unsigned long i;

	for (i = 0; i < 2000000; i++) {
		planted_shared++;
		barrier();
		if (!(i % 1000))
			cond_resched();
	}
	return 0;
}

static int __init planted_init(void)
{
	int i;

	for (i = 0; i < 2; i++)
		kthread_run(planted_race, NULL, "planted/%d", i);

	/* More than one: a stale copy of the pointer on some stack hides a leak. */
	for (i = 0; i < 16; i++)
		planted_leak();
	planted_inversion();
	planted_sleep_in_atomic();
	planted_use_after_free();
	return 0;
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);

MODULE_DESCRIPTION("Bugs on purpose, to test the tests");
MODULE_LICENSE("GPL");
