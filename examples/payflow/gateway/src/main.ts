import { runService } from '@payflow-app/service-kit'
import { gatewayService } from './service.ts'

await runService(gatewayService)
