"""What Redis does in one step for budgets.

Three keys for each book: a hash with `spent` and `reserved`; a hash of what each run holds; a sorted set of when each
hold expires. Each script is told the time: windows are the gateway's to reckon.
"""

#: Releases what is due. A book is three keys from `first` on.
_RELEASE = """
local function release(first, now)
    local due = redis.call('ZRANGEBYSCORE', KEYS[first + 2], '-inf', now)
    for _, run in ipairs(due) do
        local amount = redis.call('HGET', KEYS[first + 1], run)
        if amount and amount ~= '0' then
            redis.call('HINCRBY', KEYS[first], 'reserved', '-' .. amount)
        end
        redis.call('HDEL', KEYS[first + 1], run)
        redis.call('ZREM', KEYS[first + 2], run)
    end
    return #due
end
local function keep(first, seconds)
    if seconds > 0 then
        for each = first, first + 3 do
            redis.call('EXPIRE', KEYS[each], seconds)
        end
    end
end
local function standing(first)
    local found = redis.call('HMGET', KEYS[first], 'spent', 'reserved')
    return tonumber(found[1] or '0'), tonumber(found[2] or '0')
end
"""

#: KEYS: the index of books with holds, then for each book its three and the index of its budget. ARGV: now, the run,
#: when the hold expires, then for each book its id, what identifies it, for how many seconds it is kept (0: for good),
#: the amount, and the limit (-1: none). Returns the position (from 1) of the first book without room, or 0, then spent
#: and reserved of each.
RESERVE = (
    _RELEASE
    + """
local now, run, expires = ARGV[1], ARGV[2], ARGV[3]
local refused, reply = 0, {0}
for i = 1, (#KEYS - 1) / 4 do
    local first, of = i * 4 - 2, i * 5 - 1
    release(first, now)
    local spent, reserved = standing(first)
    local amount, limit = tonumber(ARGV[of + 3]), tonumber(ARGV[of + 4])
    if refused == 0 and limit >= 0 and spent + reserved + amount > limit then
        refused = i
    end
    table.insert(reply, spent)
    table.insert(reply, reserved)
end
if refused > 0 then
    reply[1] = refused
    return reply
end
for i = 1, (#KEYS - 1) / 4 do
    local first, of = i * 4 - 2, i * 5 - 1
    reply[i * 2 + 1] = redis.call('HINCRBY', KEYS[first], 'reserved', ARGV[of + 3])
    redis.call('HSET', KEYS[first + 1], run, ARGV[of + 3])
    redis.call('ZADD', KEYS[first + 2], expires, run)
    redis.call('HSET', KEYS[first + 3], ARGV[of], ARGV[of + 1])
    redis.call('ZADD', KEYS[1], 'GT', expires, ARGV[of])
    keep(first, tonumber(ARGV[of + 2]))
end
return reply
"""
)

#: KEYS: what was settled of the run, then the three of each book and the index of its budget. ARGV: now, the run, the
#: seconds to remember what was settled, the number of attempts, then for each book its id, what identifies it, for how
#: many seconds it is kept, and what each attempt costs there. Attempts that were settled before are left out. Returns
#: how many these were, then what was held of each book.
SETTLE = (
    _RELEASE
    + """
local now, run, count = ARGV[1], ARGV[2], tonumber(ARGV[4])
local told = redis.call('GET', KEYS[1])
local done, reply = 0, {}
if told then
    local before = cjson.decode(told)
    done = before.count
    local holds = 0
    for i = 1, (#KEYS - 1) / 4 do
        holds = holds + redis.call('HEXISTS', KEYS[i * 4 - 1], run)
    end
    if done >= count and holds == 0 then
        return before.reply
    end
end
table.insert(reply, done)
for i = 1, (#KEYS - 1) / 4 do
    local first, of = i * 4 - 2, 5 + (i - 1) * (count + 3)
    release(first, now)
    local held = tonumber(redis.call('HGET', KEYS[first + 1], run) or '0')
    local spent = 0
    for attempt = done + 1, count do
        spent = spent + tonumber(ARGV[of + 2 + attempt])
    end
    redis.call('HINCRBY', KEYS[first], 'spent', string.format('%.0f', spent))
    if held > 0 then
        redis.call('HINCRBY', KEYS[first], 'reserved', '-' .. string.format('%.0f', held))
    end
    redis.call('HDEL', KEYS[first + 1], run)
    redis.call('ZREM', KEYS[first + 2], run)
    redis.call('HSET', KEYS[first + 3], ARGV[of], ARGV[of + 1])
    keep(first, tonumber(ARGV[of + 2]))
    table.insert(reply, held)
end
redis.call('SET', KEYS[1], cjson.encode({count = math.max(done, count), reply = reply}), 'EX', ARGV[3])
return reply
"""
)

#: KEYS: the three of each book. ARGV: now. Returns how many were released, then spent and reserved of each book.
LOOK = (
    _RELEASE
    + """
local reply = {0}
for first = 1, #KEYS, 3 do
    reply[1] = reply[1] + release(first, ARGV[1])
    local spent, reserved = standing(first)
    table.insert(reply, spent)
    table.insert(reply, reserved)
end
return reply
"""
)
