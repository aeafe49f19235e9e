-- A bucket of tokens that all web processes share: KEYS[1] is a hash of its level and when that was.
-- ARGV: tokens a second, size of the bucket, tokens wanted, further tokens taken if they are there.
-- Answers tokens taken, and the seconds to wait where there were too few (as text: Redis cuts numbers).
local rate, size, wanted, more = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local known = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(known[1] or size), tonumber(known[2] or now)
level = math.min(size, level + math.max(0, now - at) * rate)
local needed = math.min(wanted, size)
if level < needed then
  return {'0', tostring((needed - level) / rate)}
end
local taken = wanted + math.max(0, math.floor(math.min(more, level - wanted)))
redis.call('HSET', KEYS[1], 'level', tostring(level - taken), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil(2 * size / rate) + 1)
return {tostring(taken), '0'}
