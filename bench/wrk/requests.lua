-- Requests of the given kinds, by weight, each as a random user:
--   wrk -s requests.lua URL -- USERS_FILE FIRST_TO_DELETE THREADS KIND WEIGHT [KIND WEIGHT ..]

dofile(os.getenv("BENCH_LUA") .. "/report.lua")

local number_of_threads = 0

function setup(thread)
   thread:set("thread", number_of_threads)
   number_of_threads = number_of_threads + 1
end

-- 19 digits, made in two parts: a Lua number has 15 to 17.
local function new_title()
   return string.format("%09d%010d", math.random(100000000, 900000000), math.random(0, 2147483646))
end

local function prepare(users, first_to_delete, threads)
   local random, deleted = math.random, 0
   local tails = {}

   -- A random user of a role: their number, and the rest of a request's head after the path.
   local function random_user(role)
      local number = random(0, users.group - 1)
      return number, tails[role][number + 1]
   end

   local function task(role, number)
      local position = number * users.stride + users[role .. "_offset"]
      return string.format("%d", 16 * (random(0, users.each - 1) * users.regular + position) + 16)
   end

   for offset, role in ipairs({ "reader", "updater", "creator", "deleter" }) do
      users[role .. "_offset"] = offset - 1
      tails[role] = {}
      for index, token in ipairs(users[role]) do
         tails[role][index] = " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\nAuthorization: Bearer " .. token ..
            "\r\n"
      end
   end

   local function with_body(body)
      return "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
   end

   return {
      list = function()
         local _, tail = random_user("reader")
         return "GET /api/tasks" .. tail .. "\r\n"
      end,
      read = function()
         local number, tail = random_user("reader")
         return "GET /api/tasks/" .. task("reader", number) .. tail .. "\r\n"
      end,
      create = function()
         local _, tail = random_user("creator")
         return "POST /api/tasks" .. tail ..
            with_body('{"title": "' .. users.title .. '", "description": "' .. users.description .. '"}')
      end,
      replace = function()
         local number, tail = random_user("updater")
         return "PUT /api/tasks/" .. task("updater", number) .. tail ..
            with_body('{"title": "' .. new_title() .. '", "description": "' .. users.description .. '"}')
      end,
      toggle = function()
         local number, tail = random_user("updater")
         return "PATCH /api/v1/tasks/" .. task("updater", number) .. "/toggle" .. tail .. "\r\n"
      end,
      -- Each task once: with N threads, a thread deletes every Nth task.
      delete = function()
         local number = first_to_delete + deleted * threads + thread
         deleted = deleted + 1
         return "DELETE /api/v1/tasks/" .. string.format("%d", users.first_to_delete + number) ..
            tails.deleter[number % users.group + 1] .. "\r\n"
      end,
   }
end

function init(args)
   math.randomseed(os.time() * 64 + thread)
   local kinds = prepare(dofile(args[1]), tonumber(args[2]), tonumber(args[3]))

   local chosen, total = {}, 0
   for index = 4, #args, 2 do
      total = total + tonumber(args[index + 1])
      chosen[#chosen + 1] = { below = total, make = kinds[args[index]] }
   end

   request = function()
      local dice = math.random() * total
      for _, kind in ipairs(chosen) do
         if dice < kind.below then
            return kind.make()
         end
      end
   end
end
