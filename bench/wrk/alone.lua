-- As many threads as connections: each has one connection, one user and one count. Lists, again and again.
--   BENCH_PEOPLE=.. wrk -t1000 -c1000 -s alone.lua URL

dofile(os.getenv("BENCH_LUA") .. "/report.lua")

local threads, readers = {}, nil

function setup(thread)
   if not readers then
      -- Read once, not by each thread: they are many, and there is no argument here but wrk's own.
      readers = dofile(os.getenv("BENCH_PEOPLE")).reader
   end
   thread:set("token", readers[#threads % #readers + 1])
   threads[#threads + 1] = thread
end

sent = 0

function init()
   local text = "GET /api/tasks HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\nAuthorization: Bearer " .. token ..
      "\r\n\r\n"
   request = function()
      sent = sent + 1
      return text
   end
end

function more()
   local counts = {}
   for index, thread in ipairs(threads) do
      counts[index] = thread:get("sent")
   end
   return ', "sent": [' .. table.concat(counts, ", ") .. "]"
end
