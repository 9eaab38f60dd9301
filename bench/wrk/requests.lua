-- Each request as another user, of the kinds that are named, by weight:
--   wrk -s requests.lua URL -- PEOPLE FIRST_VICTIM THREADS KIND WEIGHT [KIND WEIGHT ..]

dofile(os.getenv("BENCH_LUA") .. "/report.lua")

local number_of_threads = 0

function setup(thread)
   thread:set("thread", number_of_threads)
   number_of_threads = number_of_threads + 1
end

-- 19 digits: more than a number can hold here.
local function new_title()
   return string.format("%09d%010d", math.random(100000000, 900000000), math.random(0, 2147483646))
end

local function prepare(people, first_victim, threads)
   local random, victims = math.random, 0
   local tails = {}

   -- Whoever asks: their number, and what comes behind the path.
   local function someone(role)
      local number = random(0, people.group - 1)
      return number, tails[role][number + 1]
   end

   local function task(role, number)
      local position = number * people.stride + people[role .. "_offset"]
      return string.format("%d", 16 * (random(0, people.each - 1) * people.regular + position) + 16)
   end

   for offset, role in ipairs({ "reader", "changer", "creator", "victim" }) do
      people[role .. "_offset"] = offset - 1
      tails[role] = {}
      for index, token in ipairs(people[role]) do
         tails[role][index] = " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\nAuthorization: Bearer " .. token ..
            "\r\n"
      end
   end

   local function with_body(body)
      return "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
   end

   return {
      list = function()
         local _, tail = someone("reader")
         return "GET /api/tasks" .. tail .. "\r\n"
      end,
      read = function()
         local number, tail = someone("reader")
         return "GET /api/tasks/" .. task("reader", number) .. tail .. "\r\n"
      end,
      create = function()
         local _, tail = someone("creator")
         return "POST /api/tasks" .. tail ..
            with_body('{"title": "' .. people.title .. '", "description": "' .. people.description .. '"}')
      end,
      replace = function()
         local number, tail = someone("changer")
         return "PUT /api/tasks/" .. task("changer", number) .. tail ..
            with_body('{"title": "' .. new_title() .. '", "description": "' .. people.description .. '"}')
      end,
      toggle = function()
         local number, tail = someone("changer")
         return "PATCH /api/v1/tasks/" .. task("changer", number) .. "/toggle" .. tail .. "\r\n"
      end,
      -- Each once: a thread takes every so-and-so-many-th.
      delete = function()
         local victim = first_victim + victims * threads + thread
         victims = victims + 1
         return "DELETE /api/v1/tasks/" .. string.format("%d", people.first_victim + victim) ..
            tails.victim[victim % people.group + 1] .. "\r\n"
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
