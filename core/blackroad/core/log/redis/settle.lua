-- What every call on a partition begins and ends with: its epoch, its time, and what is past it.
-- The two scripts are this file and one of append.lua or beat.lua, joined. Times are microseconds.
--
-- KEYS  log, meta, channels, idle, segments, open, requests 0 and 1, punched, nodes, beat, control,
--       folded, histories
-- ARGV  incarnation of the server, node, number of the batch, the last epoch that the node knows,
--       and the limits: bytes and age for resume, age of idle numbers, channels, requests,
--       rotation, bytes of histories

local LOG, META, CHANNELS, IDLE, SEGMENTS, OPEN = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local REQUESTS, PUNCHED, NODES = { KEYS[7], KEYS[8] }, KEYS[9], KEYS[10]
local BEAT, CONTROL, FOLDED, HISTORIES = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local node, number = ARGV[2], tonumber(ARGV[3])
local max_bytes, max_age, idle_age = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local max_channels, max_requests, rotation = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local max_histories = tonumber(ARGV[11])
local SEGMENT_EVENTS, SEGMENT_PART, AT_ONCE = 512, 64, 100
local FIELDS = {
  'epoch', 'sequence', 'time', 'bytes', 'trimmed', 'open_bytes', 'open_events', 'open_time',
  'open_began', 'oldest', 'rotates', 'turn', 'dropped_sequence', 'dropped_offset', 'skew', 'histories',
}

local call, format, max = redis.call, string.format, math.max
local pack, unpacked = cmsgpack.pack, cmsgpack.unpack

-- A channel's numbers, as they are packed in the hash of channels.
local OFFSET, SEQUENCE, CREATED, UPDATED, ATTEMPT, ENDED, RETAINED, GONE, KEPT, HISTORY, COUNT =
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11

local meta = {}
do
  local stored = call('HMGET', META, unpack(FIELDS))
  for place, field in ipairs(FIELDS) do
    meta[field] = tonumber(stored[place] or 0)
  end
end
local now
do
  local time = call('TIME')
  -- The skew is what tests let time pass by.
  now = max(tonumber(time[1]) * 1000000 + tonumber(time[2]) + meta.skew, meta.time)
  meta.time = now
end

local known, dirty, punched = {}, {}, {}

local function channel_of(key)
  local channel = known[key]
  if channel == nil then
    local packed = call('HGET', CHANNELS, key)
    channel = packed and unpacked(packed) or false
    known[key] = channel
  end
  return channel
end

local function due(channel)
  return channel[UPDATED] + max(idle_age, channel[KEPT])
end

-- A place that can no longer be promised to follow the one before begins a new epoch.
local function check_epoch()
  local incarnation = call('HGET', META, 'incarnation')
  local whole = incarnation and (meta.sequence == 0 or call('EXISTS', LOG) == 1)
  if whole and incarnation == ARGV[1] then return end
  if not incarnation then
    local skew = meta.skew
    for place = 1, #KEYS do
      if place ~= 2 then call('UNLINK', KEYS[place]) end
    end
    for _, field in ipairs(FIELDS) do meta[field] = 0 end
    meta.time, meta.skew = now, skew
    meta.rotates = now + rotation
    -- A key that a script names must be there while its slot moves.
    for _, key in ipairs({ CHANNELS, OPEN, REQUESTS[1], REQUESTS[2], PUNCHED, NODES, FOLDED }) do
      call('HSET', key, '', '')
    end
    call('ZADD', IDLE, 'inf', '')
    call('ZADD', HISTORIES, 'inf', '')
    call('XADD', CONTROL, '0-1', 'placeholder', '')
  end
  meta.epoch = max(math.floor(now / 1000), meta.epoch + 1, tonumber(ARGV[4]) + 1)
  meta.trimmed = meta.sequence
  call('HSET', META, 'incarnation', ARGV[1])
end

local function close_segment()
  if meta.open_events == 0 then return end
  local bytes = call('HGETALL', OPEN)
  call('RPUSH', SEGMENTS, pack({ meta.sequence, meta.open_time, meta.epoch, bytes }))
  call('DEL', OPEN)
  call('HSET', OPEN, '', '')
  if meta.oldest == 0 then meta.oldest = meta.open_time end
  meta.open_bytes, meta.open_events = 0, 0
end

local function drop_segment()
  local packed = call('LPOP', SEGMENTS)
  if not packed then
    meta.oldest = 0
    return false
  end
  local segment = unpacked(packed)
  local last, bytes = segment[1], segment[4]
  for place = 1, #bytes, 2 do
    local key, size = bytes[place], tonumber(bytes[place + 1]) or 0
    local channel = key ~= '' and channel_of(key)
    if not channel then
      meta.bytes = meta.bytes - size
    elseif channel[GONE] < last then -- else it has gone before
      meta.bytes = meta.bytes - size
      channel[RETAINED] = max(0, channel[RETAINED] - size)
      dirty[key] = true
    end
  end
  meta.bytes = max(0, meta.bytes)
  meta.trimmed = max(meta.trimmed, last)
  call('XTRIM', LOG, 'MINID', '=', format('%d-%d', segment[3], last + 1))
  local first = call('LINDEX', SEGMENTS, 0)
  meta.oldest = first and unpacked(first)[2] or 0
  return true
end

local function trim_by_age()
  if meta.open_events > 0 and now - meta.open_began > max_age / SEGMENT_PART then
    close_segment()
  end
  local dropped = 0
  while meta.oldest > 0 and meta.oldest <= now - max_age and dropped < AT_ONCE do
    drop_segment()
    dropped = dropped + 1
  end
  if dropped > 0 then
    local all = call('HGETALL', PUNCHED)
    for place = 1, #all, 2 do
      if all[place] ~= '' and tonumber(all[place + 1]) <= meta.trimmed then
        call('HDEL', PUNCHED, all[place])
      end
    end
  end
end

local function forget_requests(turn)
  call('UNLINK', REQUESTS[turn + 1])
  call('HSET', REQUESTS[turn + 1], '', '')
end

local function rotate()
  if now < meta.rotates then return end
  if now - meta.rotates >= rotation then
    forget_requests(meta.turn)
    meta.rotates = now
  end
  meta.turn = 1 - meta.turn
  forget_requests(meta.turn)
  meta.rotates = meta.rotates + rotation
  local all = call('HGETALL', NODES)
  for place = 1, #all, 2 do
    if all[place] ~= '' and unpacked(all[place + 1])[3] < now - 2 * rotation then
      call('HDEL', NODES, all[place])
    end
  end
end

-- Note how many bytes a channel's history has, about; 0: it has none.
local function count_history(channel, key, bytes)
  if channel[HISTORY] > 1 and bytes == 0 then call('ZREM', HISTORIES, key) end
  meta.histories = max(0, meta.histories - channel[HISTORY] + bytes)
  channel[HISTORY] = bytes
end

-- Choose histories to be let go where all are too large: of those that were not written the
-- longest. Their keys are the node's to remove, which tells their names.
local function crowded_histories()
  local gone, looked = {}, 0
  while meta.histories > max_histories and looked < 10 * AT_ONCE and #gone < AT_ONCE do
    local first = call('ZRANGE', HISTORIES, 0, 0, 'WITHSCORES')
    local key, score = first[1], tonumber(first[2])
    if not key or key == '' then
      meta.histories = 0
      break
    end
    looked = looked + 1
    local channel = channel_of(key)
    if not channel then
      call('ZREM', HISTORIES, key)
    elseif channel[UPDATED] > score then
      call('ZADD', HISTORIES, channel[UPDATED], key)
    else
      count_history(channel, key, 0)
      dirty[key] = true
      gone[#gone + 1] = key
    end
  end
  return gone
end

-- Drop a channel, or note when it is due: scores are not raised by each append.
local function retire(key, before)
  local channel = channel_of(key)
  if channel and due(channel) > before then
    call('ZADD', IDLE, due(channel), key)
    return
  end
  if channel then
    meta.dropped_sequence = max(meta.dropped_sequence, channel[SEQUENCE])
    meta.dropped_offset = max(meta.dropped_offset, channel[OFFSET])
  end
  if channel then count_history(channel, key, 0) end
  call('ZREM', IDLE, key)
  call('HDEL', CHANNELS, key)
  known[key], dirty[key] = false, nil
end

local function retire_due()
  for _, key in ipairs(call('ZRANGEBYSCORE', IDLE, '-inf', now, 'LIMIT', 0, AT_ONCE)) do
    retire(key, now)
  end
end

local function retire_surplus()
  local surplus = call('HLEN', CHANNELS) - 1 - max_channels
  local looked = 0
  while surplus > 0 and looked < 10 * AT_ONCE do
    local first = call('ZRANGE', IDLE, 0, 0, 'WITHSCORES')
    retire(first[1], tonumber(first[2]))
    surplus = call('HLEN', CHANNELS) - 1 - max_channels
    looked = looked + 1
  end
end

-- Take from a channel its oldest events, so many that it holds a quarter at most.
local function punch(key, channel)
  local from = max(channel[GONE], meta.trimmed) + 1
  for _ = 1, AT_ONCE do
    local entries = call('XRANGE', LOG, format('%d-%d', meta.epoch, from), '+', 'COUNT', 64)
    if #entries == 0 then return end
    for _, entry in ipairs(entries) do
      local sequence = tonumber(string.match(entry[1], '-(%d+)'))
      from = sequence + 1
      if entry[2][1] == key then
        if channel[RETAINED] <= max_bytes / 4 then return end
        local size = #entry[2][1] + #entry[2][2] + #entry[2][4] + 64
        call('XDEL', LOG, entry[1])
        channel[RETAINED] = max(0, channel[RETAINED] - size)
        channel[GONE] = sequence
        meta.bytes = max(0, meta.bytes - size)
        punched[key] = sequence
      end
    end
  end
end

local function settle()
  check_epoch()
  trim_by_age()
  rotate()
  retire_due()
end

local crowded = {}

local function finish()
  for key, _ in pairs(dirty) do
    local channel = known[key]
    if channel[RETAINED] > max_bytes / 4 then punch(key, channel) end
  end
  for key, sequence in pairs(punched) do call('HSET', PUNCHED, key, sequence) end
  if meta.open_bytes > max_bytes / SEGMENT_PART or meta.open_events >= SEGMENT_EVENTS then
    close_segment()
  end
  while meta.bytes > max_bytes and drop_segment() do end
  crowded = crowded_histories()
  for key, _ in pairs(dirty) do call('HSET', CHANNELS, key, pack(known[key])) end
  local values = {}
  for _, field in ipairs(FIELDS) do
    values[#values + 1] = field
    values[#values + 1] = format('%d', meta[field])
  end
  call('HSET', META, unpack(values))
end

-- What a node is told of the partition, whatever it asked for.
local function state()
  local gone = {}
  for key, sequence in pairs(punched) do gone[#gone + 1] = { key, sequence } end
  return {
    meta.epoch, meta.sequence, meta.trimmed, now, meta.dropped_sequence, gone, call('XLEN', CONTROL),
    crowded,
  }
end
