-- Requests a list again and again. Each thread has one connection, one user and one count.
--   BENCH_USERS=.. wrk -t1000 -c1000 -s per_connection.lua URL

dofile(os.getenv("BENCH_LUA") .. "/report.lua")

local threads, readers = {}, nil

function setup(thread)
   if not readers then
      -- Once, and not in each of 1000 threads. setup gets no arguments, so the environment names the file.
      readers = dofile(os.getenv("BENCH_USERS")).reader
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
