-- Append a batch: each append all or none, with neighbouring offsets and sequences.
--
-- ARGV  from 12: how many appends; then for each: key, number of its history among KEYS (0: none),
--       how many events and how long history keeps, the offset that is expected, the attempt,
--       whether it ends (each '' where there is no such guard), the request, the ids of its events,
--       'lasts', 'untold' (in the history only) or '', how many records; then for each record: type,
--       body, when it expires
-- Returns, packed, the state and an answer for each append: its kind, and what belongs to it.

local DONE, AGAIN, OTHER_OFFSET, HAS_ENDED, SUPERSEDED, CROWDED = 0, 1, 2, 3, 4, 5

local former = call('HGET', NODES, node)
if former then
  former = unpacked(former)
  if former[1] == number then return former[2] end
  if former[1] > number then return redis.error_reply('STALE a later batch of this node was seen') end
end

settle()

local function guard(channel, expected, attempt)
  if attempt ~= '' and channel then
    if channel[ENDED] == 1 then return { HAS_ENDED } end
    if tonumber(attempt) < channel[ATTEMPT] then return { SUPERSEDED, channel[ATTEMPT] } end
  end
  local present = channel and channel[OFFSET] or 0
  if expected ~= '' and tonumber(expected) ~= present then return { OTHER_OFFSET, present } end
end

local created = false

local function create(key, kept)
  created = true
  local channel =
    { meta.dropped_offset, meta.dropped_sequence, now, now, 0, 0, 0, 0, kept, 0, 0 }
  known[key] = channel
  call('ZADD', IDLE, due(channel), key)
  return channel
end

-- Take up that a history has some events more, of so many bytes: then the share is let go that was
-- over the number. A new one takes what its stream does, which is much more than its first event.
-- What is not told is bounded by who writes it, and has the mark 1 only.
local function keep_history(channel, key, name, events, kept, told, added, count)
  if events <= 0 then
    if channel[HISTORY] > 0 then
      call('UNLINK', name)
      count_history(channel, key, 0)
    end
    return
  end
  call('PEXPIRE', name, math.ceil(kept / 1000))
  if not told then
    channel[HISTORY] = max(channel[HISTORY], 1)
    return
  end
  local length = call('XLEN', name)
  if channel[HISTORY] <= 1 then call('ZADD', HISTORIES, now, key) end
  local bytes, before = added, count
  if length > count then
    bytes, before = channel[HISTORY] + added, (channel[COUNT] or 0) + count
  else -- those of before, if there were any, are past their time
    bytes = max(added, call('MEMORY', 'USAGE', name) or 0)
  end
  if length < before then bytes = bytes * length / before end
  channel[COUNT] = length
  count_history(channel, key, max(2, math.ceil(bytes)))
end

local place = 13

local function take()
  local key, name = ARGV[place], KEYS[tonumber(ARGV[place + 1])]
  local events, kept = tonumber(ARGV[place + 2]), tonumber(ARGV[place + 3])
  local expected, attempt, ends = ARGV[place + 4], ARGV[place + 5], ARGV[place + 6]
  local request, ids, how = ARGV[place + 7], ARGV[place + 8], ARGV[place + 9]
  local first, count = place + 11, tonumber(ARGV[place + 10])
  place = first + 3 * count
  if kept <= 0 then events = 0 end
  if events <= 0 then kept = 0 end

  if request ~= '' then
    local answered = call('HGET', REQUESTS[1], request) or call('HGET', REQUESTS[2], request)
    if answered then return unpacked(answered) end
  end
  local channel = channel_of(key)
  local refusal = guard(channel, expected, attempt)
  if refusal then return refusal end
  if request ~= '' and call('HLEN', REQUESTS[1]) + call('HLEN', REQUESTS[2]) - 2 >= max_requests then
    return { CROWDED, meta.rotates - now }
  end

  channel = channel or create(key, kept)
  local told = how ~= 'untold'
  if told and meta.open_events == 0 then meta.open_began = now end
  local added, sized, from = 0, 0, channel[OFFSET] + 1
  for record = first, place - 3, 3 do
    local kind, body = ARGV[record], ARGV[record + 1]
    local sequence, offset = meta.sequence + (told and 1 or 0), channel[OFFSET] + 1
    local id = format('%d-%d', meta.epoch, sequence)
    local numbers = format('%d %d %s %d', offset, now, ARGV[record + 2], kept)
    if told then
      call('XADD', LOG, id, key, kind, numbers, body)
      added = added + #key + #kind + #body + 64
    end
    if how == 'lasts' then call('XADD', CONTROL, id, key, kind, numbers, body) end
    if events > 0 then
      local where = format('%d %d %d %s', meta.epoch, sequence, now, ARGV[record + 2])
      call('XADD', name, 'MAXLEN', '=', events, format('%d-0', offset), kind, where, body, '')
      sized = sized + #kind + #body + 96
    end
    meta.sequence, channel[OFFSET] = sequence, offset
  end
  channel[SEQUENCE], channel[UPDATED] = meta.sequence, now
  channel[RETAINED] = channel[RETAINED] + added
  if attempt ~= '' then
    channel[ATTEMPT], channel[ENDED] = tonumber(attempt), ends == '1' and 1 or 0
  end
  if name then keep_history(channel, key, name, events, kept, told, sized, count) end
  if channel[KEPT] ~= kept then
    channel[KEPT] = kept
    call('ZADD', IDLE, due(channel), key)
  end
  dirty[key] = true
  if told then
    meta.bytes, meta.open_bytes = meta.bytes + added, meta.open_bytes + added
    meta.open_events, meta.open_time = meta.open_events + count, now
    call('HINCRBY', OPEN, key, added)
  end

  if request ~= '' then
    local again = { AGAIN, from, meta.sequence, meta.epoch, now, ids }
    call('HSET', REQUESTS[meta.turn + 1], request, pack(again))
  end
  return { DONE, from, meta.sequence, meta.epoch, now }
end

local answers = {}
for _ = 1, tonumber(ARGV[12]) do answers[#answers + 1] = take() end
finish()
if created then
  retire_surplus()
  call('HSET', META, 'dropped_sequence', format('%d', meta.dropped_sequence),
    'dropped_offset', format('%d', meta.dropped_offset), 'histories', format('%d', meta.histories))
end
local reply = pack({ state(), answers })
call('HSET', NODES, node, pack({ number, reply, now }))
return reply
