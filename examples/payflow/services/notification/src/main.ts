import { runService } from '@payflow-app/service-kit'
import { notificationService } from './service.ts'

await runService(notificationService)
