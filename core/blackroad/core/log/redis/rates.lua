-- Add to accounts what a node says was used of them. One that is full is gone by itself.
--
-- KEYS  accounts
-- ARGV  for each: after how long one more may be used, the burst, how many in a minute (0: no such
--       limit), how many were used, for how long nothing is to be. Times are microseconds
-- Returns, packed, for each: when it is full, what is left of the minute, when that is more, and
-- for how long nothing is to be used.

local SECOND, SLOTS = 1000000, 60
local time = redis.call('TIME')
local now = tonumber(time[1]) * SECOND + tonumber(time[2])
local slot = tonumber(time[1])

-- Count in slots of a second, as pairs of a slot and its number.
local function window(counts, used)
  local kept, total = {}, used
  for place = 1, #counts, 2 do
    if counts[place] >= slot - SLOTS then
      kept[#kept + 1] = counts[place]
      kept[#kept + 1] = counts[place + 1]
      total = total + counts[place + 1]
    end
  end
  if used > 0 then
    if kept[#kept - 1] == slot then
      kept[#kept] = kept[#kept] + used
    else
      kept[#kept + 1] = slot
      kept[#kept + 1] = used
    end
  end
  return kept, total
end

local answers = {}
for place = 1, #KEYS do
  local at = (place - 1) * 5
  local token, burst = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local minute, used = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local pause = tonumber(ARGV[at + 5])
  local packed = redis.call('GET', KEYS[place])
  local account = packed and cmsgpack.unpack(packed) or { 0, 0, {} }
  local full = math.min(math.max(account[1], now) + used * token, now + 2 * burst * token)
  local paused = math.max(account[2], now + pause)
  local counts, total = account[3], 0
  if minute > 0 then counts, total = window(counts, used) end
  local more = #counts > 0 and (counts[1] + SLOTS + 1) * SECOND - now or 0
  local lasts = math.max(full - now, paused - now)
  if #counts > 0 then lasts = math.max(lasts, (slot + SLOTS + 1) * SECOND - now) end
  if lasts > 0 then
    redis.call('SET', KEYS[place], cmsgpack.pack({ full, paused, counts }),
      'PX', math.ceil(lasts / 1000) + 1)
  end
  answers[place] = { full - now, minute > 0 and minute - total or 0, more, paused - now }
end
return cmsgpack.pack(answers)
