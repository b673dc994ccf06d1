/**
 * PayFlow as one thing that can be started, watched, hurt and stopped.
 *
 * @packageDocumentation
 */
export { claimFolder, folderHolder } from './claim-folder.ts'
export { connectControls } from './control.ts'
export { DEMO_USERS, ensureDemoUsers, type DemoUser } from './demo-users.ts'
export { SERVICE_NAMES, type DatabaseName, type ServiceName } from './plan.ts'
export type { StackServer } from './servers.ts'
export { StackError, type StackErrorCode } from './stack-error.ts'
export { readStackFile, type StackEntry } from './stack-file.ts'
export type { Stack, StackControls } from './stack.ts'
export { startStack, type StartStackOptions } from './start-stack.ts'
export type { Progress } from './steps.ts'
