import { runService } from '@payflow-app/service-kit'
import { authService } from './service.ts'

await runService(authService)
