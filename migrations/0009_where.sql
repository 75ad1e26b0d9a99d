-- Where exactly something was noticed, and when a head was complete.

-- packet that showed it, from 1; 0 without packets
ALTER TABLE oddity ADD COLUMN frame INTEGER;
-- transfer unit of the body that showed it, from 0
ALTER TABLE oddity ADD COLUMN unit INTEGER;
-- when its last byte came; null: recorded before this was kept, and of trailers
ALTER TABLE head ADD COLUMN t_last_ns INTEGER;
