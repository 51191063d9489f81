import { chartLife } from '../integration/chart-life.ts';

chartLife(3);
