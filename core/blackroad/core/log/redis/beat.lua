-- Prove that the partition can be written and, by who reads it, that it is read: the canary.
-- It takes no sequence of the log. Returns, packed, the state.

settle()
finish()
local told = state()
call('XADD', BEAT, 'MAXLEN', '=', 16, '*', node, number,
  'at', format('%d %d %d %d', told[1], told[2], told[3], told[4]))
return pack({ told, {} })
