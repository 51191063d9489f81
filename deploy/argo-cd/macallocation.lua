-- The health of a MacAllocation for Argo CD, which gives it as `obj`. Needs nothing but the basic library of Lua.

-- These reasons end without anybody.
local passing = { Pending = true, LedgerUnavailable = true, LedgerRecovering = true, Releasing = true }

local found = {}
if type(obj.status) == "table" and type(obj.status.conditions) == "table" then
  for _, condition in ipairs(obj.status.conditions) do
    if type(condition) == "table" and type(condition.type) == "string" then
      found[condition.type] = condition
    end
  end
end

local function health(status, message)
  return { status = status, message = message or "" }
end

local function is(kind, status)
  return found[kind] ~= nil and found[kind].status == status
end

local function message(kind)
  if type(found[kind].message) == "string" then
    return found[kind].message
  end
  return ""
end

local metadata = type(obj.metadata) == "table" and obj.metadata or {}
local spec = type(obj.spec) == "table" and obj.spec or {}
local status = type(obj.status) == "table" and obj.status or {}

if is("Conflict", "True") then
  return health("Degraded", message("Conflict"))
end
if is("Applied", "False") then
  return health("Degraded", message("Applied"))
end
-- The pod of a claim, or of the name of a sticky claim, was deleted and may still run.
if is("Bound", "Unknown") then
  return health("Progressing", message("Bound"))
end
if is("ConsumerUnreachable", "True") then
  return health("Progressing", message("ConsumerUnreachable"))
end
-- The operator writes a mirror or a sticky claim only for an address that the ledger holds.
if spec.consumerRef ~= nil or spec.stickyFor ~= nil then
  return health("Healthy")
end
if is("Ready", "False") then
  local reason = found.Ready.reason
  if passing[reason] then
    return health("Progressing", message("Ready"))
  end
  if reason == "PoolPaused" then
    return health("Suspended", message("Ready"))
  end
  return health("Degraded", message("Ready"))
end
if metadata.deletionTimestamp ~= nil then
  return health("Progressing", "The claim is being deleted")
end
if type(status.observedGeneration) == "number" and type(metadata.generation) == "number"
  and status.observedGeneration < metadata.generation then
  return health("Progressing", "The operator has not seen the last change yet")
end
if is("Ready", "True") then
  return health("Healthy", message("Ready"))
end
return health("Progressing", "The operator has not seen the claim yet")
