"""What Redis does in one step for limits that several machines share; the `limits` library brings the rest."""

#: KEYS: one sorted set of leases per limit. ARGV: the lease, its seconds, then how many places each limit has.
#: Takes a place in each set, or none and returns the position (from 1) of the first full one. Leases that ran out are
#: free places.
TAKE_PLACES = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
for i, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    if redis.call('ZCARD', key) >= tonumber(ARGV[i + 2]) then
        return i
    end
end
for _, key in ipairs(KEYS) do
    redis.call('ZADD', key, now + ARGV[2], ARGV[1])
    redis.call('PEXPIRE', key, math.ceil(ARGV[2] * 2000))
end
return 0
"""

#: KEYS: one sorted set for each lease of ARGV[2...]. ARGV[1]: seconds. A lease that is gone stays gone.
RENEW_PLACES = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
for i, key in ipairs(KEYS) do
    if redis.call('ZADD', key, 'XX', 'CH', now + ARGV[1], ARGV[i + 1]) == 1 then
        redis.call('PEXPIRE', key, math.ceil(ARGV[1] * 2000))
    end
end
"""

#: KEYS: the window of this minute and of the one before, for each limit. ARGV: the length of a window in seconds, then
#: the difference for each. More is charged to this minute; what is given back comes from this minute, then from the one
#: before, and never makes a count negative.
ADJUST_WINDOWS = """
local function give_back(key, amount)
    local taken = math.min(amount, tonumber(redis.call('GET', key) or '0'))
    if taken > 0 then
        redis.call('DECRBY', key, taken)
    end
    return amount - math.max(taken, 0)
end
for i = 1, #KEYS, 2 do
    local difference = tonumber(ARGV[(i + 1) / 2 + 1])
    if difference < 0 then
        give_back(KEYS[i + 1], give_back(KEYS[i], -difference))
    elseif redis.call('EXISTS', KEYS[i]) == 1 then
        redis.call('INCRBY', KEYS[i], difference)
    else
        redis.call('SET', KEYS[i], difference, 'PX', ARGV[1] * 2000)
    end
end
"""
