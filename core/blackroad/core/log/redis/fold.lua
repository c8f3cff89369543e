-- Keep what the lasting events up to a place have made of channels, in the place of these events.
--
-- KEYS  control, folded, meta
-- ARGV  epoch and sequence of the place, then channels and what they are: '' for nothing
-- Returns whether it was done: not where another node has folded as far.

local epoch, sequence = tonumber(ARGV[1]), tonumber(ARGV[2])
local done = redis.call('HMGET', KEYS[3], 'folded_epoch', 'folded_sequence')
local done_epoch, done_sequence = tonumber(done[1] or 0), tonumber(done[2] or 0)
if done_epoch > epoch or (done_epoch == epoch and done_sequence >= sequence) then return 0 end
for place = 3, #ARGV, 2 do
  if ARGV[place + 1] == '' then
    redis.call('HDEL', KEYS[2], ARGV[place])
  else
    redis.call('HSET', KEYS[2], ARGV[place], ARGV[place + 1])
  end
end
redis.call('XTRIM', KEYS[1], 'MINID', '=', string.format('%d-%d', epoch, sequence + 1))
redis.call('HSET', KEYS[3], 'folded_epoch', ARGV[1], 'folded_sequence', ARGV[2])
return 1
