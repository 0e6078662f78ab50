-- One order for wrk, read from the file that its first argument names: method, path pattern,
-- header and body pattern, one a line, then the values that @VALUE@ takes in turn. @NUMBER@ is
-- different in every request. Prints what happened as one line of JSON.
local method, path, header_name, header_value, body
local values, count = {}, 0

function init(arguments)
  local lines = {}
  for line in io.lines(arguments[1]) do lines[#lines + 1] = line end
  method, path, body = lines[1], lines[2], lines[4]
  header_name, header_value = lines[3]:match("^([^:]+): (.*)$")
  for number = 5, #lines do values[#values + 1] = lines[number] end
  wrk.headers[header_name] = header_value
  wrk.headers["Content-Type"] = "application/json"
end

local function fill(pattern, number)
  local value = values[number % #values + 1]
  return (pattern:gsub("@NUMBER@", number):gsub("@VALUE@", value))
end

function request()
  count = count + 1
  if body == "" then return wrk.format(method, fill(path, count)) end
  return wrk.format(method, path, nil, fill(body, count))
end

function done(summary, latency, _requests)
  local errors = summary.errors
  io.write(string.format(
    'ORDER {"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "refused": %d, "lost": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
