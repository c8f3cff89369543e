-- Remove histories that were chosen to be let go, where nothing was written to them since.
--
-- KEYS  channels, then the histories
-- ARGV  their channels

local HISTORY = 10
for place, key in ipairs(ARGV) do
  local packed = redis.call('HGET', KEYS[1], key)
  if not packed or cmsgpack.unpack(packed)[HISTORY] == 0 then
    redis.call('UNLINK', KEYS[place + 1])
  end
end
return 1
