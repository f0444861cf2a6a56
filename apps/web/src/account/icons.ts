export { default as DoorOpen } from "@lucide/svelte/icons/door-open";
export { default as LockKeyhole } from "@lucide/svelte/icons/lock-keyhole";
export { default as MonitorSmartphone } from "@lucide/svelte/icons/monitor-smartphone";
export { default as ServerOff } from "@lucide/svelte/icons/server-off";
