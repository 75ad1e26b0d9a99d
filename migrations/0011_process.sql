-- Which process recorded a session, so that a session without an end can be told from one that still runs; and why storing stopped early.
-- All four of the process are null where they were not kept: older recordings, systems other than Linux.
ALTER TABLE session ADD COLUMN pid INTEGER;      -- number of the process
ALTER TABLE session ADD COLUMN pid_start INTEGER; -- when it started, in clock ticks after the boot: numbers of processes are used again
ALTER TABLE session ADD COLUMN boot_id TEXT;     -- the boot that both belong to (/proc/sys/kernel/random/boot_id)
ALTER TABLE session ADD COLUMN pid_space TEXT;   -- the namespace that the number belongs to (/proc/self/ns/pid): containers have their own
ALTER TABLE session ADD COLUMN stopped TEXT;     -- why nothing more was stored before the end: a limit, or an error of the disk; null: nothing stopped it
