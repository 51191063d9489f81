-- The health of a MacPool for Argo CD, which gives it as `obj`. Needs nothing but the basic library of Lua.

-- These reasons of LedgerOpen end without anybody.
local passing = { Recovering = true, TimelineChanged = true, SystemChanged = true }

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
local status = type(obj.status) == "table" and obj.status or {}

if is("ClusterIdentityShared", "True") then
  return health("Degraded", message("ClusterIdentityShared"))
end
if is("Ready", "False") and found.Ready.reason ~= "Paused" then
  return health("Degraded", message("Ready"))
end
if is("LedgerOpen", "False") or is("LedgerOpen", "Unknown") then
  local reason = found.LedgerOpen.reason
  if passing[reason] then
    return health("Progressing", message("LedgerOpen"))
  end
  if reason == "Paused" then
    return health("Suspended", message("LedgerOpen"))
  end
  return health("Degraded", message("LedgerOpen"))
end
if is("ExpiryHeld", "True") then
  return health("Degraded", message("ExpiryHeld"))
end
if is("ClusterIdentityShared", "Unknown") then
  return health("Progressing", message("ClusterIdentityShared"))
end
if metadata.deletionTimestamp ~= nil then
  return health("Progressing", "The MacPool is being deleted")
end
if type(status.observedGeneration) == "number" and type(metadata.generation) == "number"
  and status.observedGeneration < metadata.generation then
  return health("Progressing", "The operator has not seen the last change yet")
end
if is("Ready", "False") then
  return health("Suspended", message("Ready"))
end
-- A person is to approve the release, and the pool works meanwhile.
if is("AutoReleaseHeld", "True") then
  return health("Suspended", message("AutoReleaseHeld"))
end
if is("Ready", "True") then
  return health("Healthy", message("Ready"))
end
return health("Progressing", "The operator has not seen the MacPool yet")
