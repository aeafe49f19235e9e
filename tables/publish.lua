-- Set the live numbers of one shard. Values are absolute; a stamp below the stored one is refused.
--
-- KEYS: 1 the shard's hash, 2 the set of shards, 3 the set of the shard's pane keys, 4 the channel of news
-- ARGV: 1 shard, 2 stamp, 3 epoch (who publishes), 4 calls of this epoch so far; 0: it begins, 5 status or '',
--       6 seconds a pane key lives, 7 MessagePack of a list: for each pane its key, and a list of fields and values in
--       turn, empty if the pane is to be dropped
-- Returns 1 when done, 0 for an older stamp, -1 if somebody else has published since, or Redis has forgotten: all of it,
-- or, as one that has read an old copy from its disk, the last of the calls.

-- Fields and values of one call; Lua's stack holds some thousands. Even: they go in pairs.
local AT_ONCE = 1000
local stamp = tonumber(redis.call('HGET', KEYS[1], 'stamp') or '-1')
if stamp > tonumber(ARGV[2]) then
  return 0
end
if ARGV[4] == '0' then
  for _, pane in ipairs(redis.call('SMEMBERS', KEYS[3])) do
    redis.call('DEL', pane)
  end
  redis.call('DEL', KEYS[3])
elseif redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[3] or redis.call('HGET', KEYS[1], 'calls') ~= ARGV[4] then
  return -1
end
redis.call('HSET', KEYS[1], 'stamp', ARGV[2], 'epoch', ARGV[3], 'calls', ARGV[4] + 1)
redis.call('SADD', KEYS[2], ARGV[1])
for _, told in ipairs(cmsgpack.unpack(ARGV[7])) do
  local pane, fields = told[1], told[2]
  if #fields == 0 then
    redis.call('DEL', pane)
    redis.call('SREM', KEYS[3], pane)
  else
    for at = 1, #fields, AT_ONCE do
      redis.call('HSET', pane, unpack(fields, at, math.min(at + AT_ONCE - 1, #fields)))
    end
    redis.call('EXPIRE', pane, ARGV[6])
    redis.call('SADD', KEYS[3], pane)
  end
end
redis.call('EXPIRE', KEYS[3], ARGV[6])
if ARGV[5] ~= '' then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'status', ARGV[5], 'heard', time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('PUBLISH', KEYS[4], ARGV[1])
end
return 1
