import { chartLife } from './chart-life.ts';

chartLife(4);
