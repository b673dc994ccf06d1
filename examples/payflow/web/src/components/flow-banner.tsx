import { TriangleAlert } from 'lucide-react'
import { useFlow } from '../hooks/queries.ts'
import { flowText } from '../words.ts'

/** Says so when payments as a whole are out of order: nobody should find out by losing a minute. */
export function FlowBanner() {
  const text = flowText(useFlow())
  return (
    <div role='status' data-testid='flow'>
      {text !== null && (
        <p className='flex justify-center gap-2 bg-wait-tint px-4 py-2.5 text-sm text-wait'>
          <TriangleAlert aria-hidden='true' className='mt-0.5 size-4 shrink-0' />
          {text}
        </p>
      )}
    </div>
  )
}
